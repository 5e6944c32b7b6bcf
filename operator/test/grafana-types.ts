/** Types that Grafana publishes of what is in a dashboard. JSON schemas are made of them; nothing imports this file. */
import type { TableFieldOptions, TableOptions as TableLook } from '@grafana/schema';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Logs from '@grafana/schema/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

import type * as Model from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type { AnnotationQuery } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
import type { dataquery } from '@grafana/grafana-foundation-sdk/loki';

export type GrafanaDashboard = Model.Dashboard;
/** @grafana/schema leaves out what a data source adds to an annotation. */
export type GrafanaAnnotation = AnnotationQuery;
export type GrafanaPrometheusQuery = Dataquery;
export type GrafanaLokiQuery = dataquery;
export type GrafanaHeatmapOptions = Heatmap.Options;
export type GrafanaHeatmapCustom = Heatmap.FieldConfig;
export type GrafanaLogsOptions = Logs.Options;
export type GrafanaStatOptions = Stat.Options;
export type GrafanaStateTimelineOptions = StateTimeline.Options;
export type GrafanaStateTimelineCustom = StateTimeline.FieldConfig;
export type GrafanaTableOptions = TableLook;
export type GrafanaTableCustom = TableFieldOptions;
export type GrafanaTimeSeriesOptions = TimeSeries.Options;
export type GrafanaTimeSeriesCustom = TimeSeries.FieldConfig;
