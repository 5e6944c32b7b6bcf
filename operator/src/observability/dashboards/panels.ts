import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  LogsSortOrder,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TableCellDisplayMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import type { Panel, ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard';
import { MappingType, ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { PanelBuilder as LogsBuilder } from '@grafana/grafana-foundation-sdk/logs';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StatesBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import {
  loki,
  logLinesOf,
  logsOverTime,
  metricsAsHeatmap,
  metricsAsTable,
  metricsNow,
  metricsOverTime,
  prometheus,
  type Query,
} from './targets.ts';

/** What every panel says of itself: what it shows, what is normal, and what to do when it isn't. */
export interface About {
  readonly title: string;
  readonly description: string;
}

/** A value from which on a colour holds. */
export type Limit = readonly [value: number, color: string];

export interface LinesOptions {
  readonly unit: string;
  readonly min?: number;
  readonly max?: number;
  readonly stacked?: boolean;
  /** Drawn as dashed lines. */
  readonly limits?: readonly Limit[];
  readonly width?: number;
}

/** Values over time. */
export function lines(about: About, queries: readonly Query[], options: LinesOptions): Builder<Panel> {
  const panel = linesLook(new LinesBuilder(), options)
    .title(about.title)
    .description(about.description)
    .datasource(prometheus)
    .targets(metricsOverTime(queries));
  return options.limits === undefined
    ? panel
    : panel
        .thresholds(thresholds(options.limits))
        .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
}

export interface StatOptions {
  readonly unit: string;
  readonly limits: readonly Limit[];
  /** Colour below the first limit; green, where low is good. */
  readonly base?: string;
  readonly decimals?: number;
  /** Values of now instead of the last of a line. */
  readonly now?: boolean;
  /** With the name of each value; always so, where several queries are asked. */
  readonly named?: boolean;
  readonly mappings?: ValueMapping[];
  readonly noValue?: string;
  readonly width?: number;
  readonly height?: number;
}

/** One number, or a few, large. */
export function stat(about: About, queries: readonly Query[], options: StatOptions): Builder<Panel> {
  const {
    unit,
    limits,
    base = 'green',
    decimals,
    now = false,
    mappings = [],
    noValue,
    width = 4,
    height = 4,
  } = options;
  const named = options.named ?? queries.length > 1;
  const panel = new StatBuilder()
    .title(about.title)
    .description(about.description)
    .datasource(prometheus)
    .targets(now ? metricsNow(queries) : metricsOverTime(queries))
    .unit(unit)
    .mappings(mappings)
    .thresholds(thresholds(limits, base))
    .colorMode(BigValueColorMode.Value)
    .graphMode(now ? BigValueGraphMode.None : BigValueGraphMode.Area)
    .textMode(named ? BigValueTextMode.ValueAndName : BigValueTextMode.Auto)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''))
    .span(width)
    .height(height);
  if (decimals !== undefined) panel.decimals(decimals);
  return noValue === undefined ? panel : panel.noValue(noValue);
}

/** Which of two states something was in, over time: 1 is good. */
export function states(about: About, queries: readonly Query[], width = 12): Builder<Panel> {
  return new StatesBuilder()
    .title(about.title)
    .description(about.description)
    .datasource(prometheus)
    .targets(metricsOverTime(queries))
    .mappings([words({ 0: ['down', 'red'], 1: ['up', 'green'] })])
    .thresholds(thresholds([[1, 'green']], 'red'))
    .showValue(VisibilityMode.Never)
    .mergeValues(true)
    .lineWidth(0)
    .fillOpacity(70)
    .rowHeight(0.8)
    .legend(new VizLegendOptionsBuilder().showLegend(false).displayMode(LegendDisplayMode.List).calcs([]))
    .span(width)
    .height(8);
}

export interface TableOptions {
  readonly unit: string;
  /** Title of the column of values. */
  readonly value: string;
  /** Labels that become columns, with their titles, in this order. */
  readonly columns: Readonly<Record<string, string>>;
  /** Where the cells of a column, known by its title, lead to. */
  readonly links?: Readonly<Record<string, { readonly title: string; readonly url: string }>>;
  readonly width?: number;
}

/** Values of now as rows, the greatest first. */
export function table(about: About, query: Query, options: TableOptions): Builder<Panel> {
  const { unit, value, columns, links = {}, width = 12 } = options;
  const names = [...Object.keys(columns), 'Value'];
  const panel = new TableBuilder()
    .title(about.title)
    .description(about.description)
    .datasource(prometheus)
    .targets(metricsAsTable([query]))
    .filterable(true)
    .cellOptions({ type: TableCellDisplayMode.Auto })
    .overrideByName(value, [{ id: 'unit', value: unit }])
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
        renameByName: { ...columns, Value: value },
      },
    })
    .withTransformation({ id: 'sortBy', options: { fields: {}, sort: [{ field: value, desc: true }] } })
    .span(width)
    .height(8);
  for (const [column, link] of Object.entries(links)) {
    panel.overrideByName(column, [{ id: 'links', value: [{ ...link, targetBlank: true }] }]);
  }
  return { build: () => withoutFooter(panel.build()) };
}

/** How values spread over a histogram's buckets. */
export function heatmap(about: About, buckets: string, unit: string, width = 12): Builder<Panel> {
  return new HeatmapBuilder()
    .title(about.title)
    .description(about.description)
    .datasource(prometheus)
    .targets(metricsAsHeatmap(buckets))
    .calculate(false)
    .yAxis(new YAxisConfigBuilder().unit(unit))
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Oranges').steps(64))
    .cellGap(1)
    .span(width)
    .height(8);
}

/** How many log lines of each level there were. */
export function logCounts(about: About, selector: string): Builder<Panel> {
  return linesLook(new LinesBuilder(), { unit: 'short', min: 0, stacked: true, width: 24 })
    .title(about.title)
    .description(about.description)
    .datasource(loki)
    .height(6)
    .targets(logsOverTime({ expr: `sum by (level) (count_over_time(${selector} [$__auto]))`, legend: '{{level}}' }));
}

/** The log lines themselves. */
export function logLines(about: About, selector: string): Builder<Panel> {
  return new LogsBuilder()
    .title(about.title)
    .description(about.description)
    .datasource(loki)
    .targets(logLinesOf(selector))
    .showTime(true)
    .wrapLogMessage(true)
    .enableLogDetails(true)
    .sortOrder(LogsSortOrder.Descending)
    .span(24)
    .height(12);
}

/** Words and colours for values. */
function words(of: Readonly<Record<string, readonly [text: string, color: string]>>): ValueMapping {
  const entries = Object.entries(of).map(([value, [text, color]], index) => [value, { text, color, index }] as const);
  return { type: MappingType.ValueToText, options: Object.fromEntries(entries) };
}

function linesLook(panel: LinesBuilder, { unit, min, max, stacked = false, width = 8 }: LinesOptions): LinesBuilder {
  panel
    .unit(unit)
    .lineWidth(1)
    .fillOpacity(stacked ? 30 : 8)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(['mean', 'max', 'lastNotNull']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .span(width)
    .height(8);
  if (min !== undefined) panel.min(min);
  if (max !== undefined) panel.max(max);
  return stacked ? panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A')) : panel;
}

/** Grafana has none any more; the library still writes it. */
function withoutFooter(panel: Panel): Panel {
  const { footer: _, ...options } = panel.options as Record<string, unknown>;
  return { ...panel, options };
}

function thresholds(limits: readonly Limit[], base = 'green'): ThresholdsConfigBuilder {
  const steps = limits.map(([value, color]) => ({ value, color }));
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([{ value: null, color: base }, ...steps]);
}
