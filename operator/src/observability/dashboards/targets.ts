import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import { DataqueryBuilder as LogQuery, LokiQueryType } from '@grafana/grafana-foundation-sdk/loki';
import {
  DataqueryBuilder as MetricQuery,
  PromQueryFormat,
  QueryEditorMode,
} from '@grafana/grafana-foundation-sdk/prometheus';

/** Data sources are named by variables, so that a dashboard works wherever it is imported. */
export const prometheus = { type: 'prometheus', uid: '${datasource}' } as const;
export const loki = { type: 'loki', uid: '${logs}' } as const;

/** PromQL and the name of its lines. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export function metricsOverTime(queries: readonly Query[]): Builder<Dataquery>[] {
  return queries.map((query, index) => metric(query, index).range());
}

/** Values of now; `$__range` in the expression makes them values of the range that is shown. */
export function metricsNow(queries: readonly Query[]): Builder<Dataquery>[] {
  return queries.map((query, index) => metric(query, index).instant());
}

export function metricsAsTable(queries: readonly Query[]): Builder<Dataquery>[] {
  return queries.map((query, index) => metric(query, index).format(PromQueryFormat.Table).instant());
}

export function metricsAsHeatmap(buckets: string): Builder<Dataquery>[] {
  return [metric({ expr: buckets, legend: '{{le}}' }, 0).format(PromQueryFormat.Heatmap).range()];
}

export function logsOverTime({ expr, legend }: Query): Builder<Dataquery>[] {
  return [log(expr).legendFormat(legend)];
}

export function logLinesOf(expr: string): Builder<Dataquery>[] {
  return [log(expr).maxLines(500)];
}

function metric({ expr, legend }: Query, index: number): MetricQuery {
  return new MetricQuery()
    .refId(refId(index))
    .datasource(prometheus)
    .editorMode(QueryEditorMode.Code)
    .expr(expr)
    .legendFormat(legend);
}

function log(expr: string): LogQuery {
  return new LogQuery().refId(refId(0)).datasource(loki).queryType(LokiQueryType.Range).expr(expr);
}

function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}
