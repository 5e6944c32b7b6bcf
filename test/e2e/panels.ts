import { dashboards } from '../../operator/src/observability/dashboards/index.ts';
import { queriesOf, type Query } from '../../operator/src/observability/dashboards/queries.ts';
import type { LokiApi, PrometheusApi } from './telemetry.ts';

export interface Answered {
  readonly query: Query;
  /** Series of a metric with a finite number, lines of a log, or values of a label. */
  readonly rows: number;
  readonly error?: string;
}

export interface Stores {
  /** Of the environment. */
  readonly prometheus: PrometheusApi;
  /** That scrapes the operator. */
  readonly operator: PrometheusApi;
  readonly loki: LokiApi;
}

const times = { interval: '15s', rateInterval: '1m', range: '30m' };

/** Asks every query of every panel, variable and annotation of all dashboards, over the last half hour. */
export async function askAll(
  stores: Stores,
  { namespace, environment }: { readonly namespace: string; readonly environment: string },
): Promise<Answered[]> {
  const all = '$__all';
  const values = { namespace, environment, operator: 'collabeditor-system', component: all, pod: all, level: all };
  const answers: Answered[] = [];
  for (const { scope, json } of dashboards) {
    const prometheus = scope === 'operator' ? stores.operator : stores.prometheus;
    for (const query of queriesOf(json, values, times)) answers.push(await answer(query, prometheus, stores.loki));
  }
  return answers;
}

async function answer(query: Query, prometheus: PrometheusApi, loki: LokiApi): Promise<Answered> {
  try {
    return { query, rows: await rowsOf(query, query.source === 'loki' ? loki : prometheus) };
  } catch (error) {
    return { query, rows: 0, error: String(error) };
  }
}

async function rowsOf({ ask }: Query, store: PrometheusApi | LokiApi): Promise<number> {
  const end = Math.floor(Date.now() / 1000);
  switch (ask.kind) {
    case 'labelValues':
      return (await store.labelValues(ask.label, ask.match)).length;
    case 'instant':
      return (await store.instant(ask.expr)).length;
    case 'range': {
      const series = await store.range(ask.expr, { start: end - 1800, end });
      return series.filter(({ values }) => values.length > 0).length;
    }
  }
}

export function tableOf(answers: readonly Answered[]): string[] {
  return [
    '| dashboard | panel, variable or annotation | source | rows |',
    '| --- | --- | --- | --- |',
    ...answers.map(
      ({ query, rows, error }) =>
        `| ${query.dashboard} | ${[query.row, query.title].filter(Boolean).join(' / ')} | ${query.source} | ${error ?? rows} |`,
    ),
  ];
}
