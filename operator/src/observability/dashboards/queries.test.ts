import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { allManaged, sampleInput } from '../../../test/sample.ts';
import { textAt } from '../../kube/json.ts';
import { desired, manifests } from '../../resources/index.ts';
import { dashboards } from './index.ts';
import { metricsOf, queriesOf } from './queries.ts';
import { substitute, type Source } from './substitute.ts';

const times = { interval: '15s', rateInterval: '1m', range: '1h' };
const prometheus = { type: 'prometheus', uid: '${datasource}' };
const loki = { type: 'loki', uid: '${logs}' };

describe('queriesOf', () => {
  const dashboard = {
    uid: 'd',
    templating: {
      list: [
        { type: 'datasource', name: 'datasource', query: 'prometheus' },
        { type: 'query', name: 'namespace', datasource: prometheus, query: { query: 'label_values(up, namespace)' } },
        { type: 'query', name: 'pod', datasource: prometheus, query: { query: 'label_values(pod)' }, multi: true },
      ],
    },
    annotations: { list: [{ name: 'Starts', datasource: prometheus, expr: 'start{namespace="$namespace"}' }] },
    panels: [
      { type: 'stat', title: 'Up', targets: [{ datasource: prometheus, expr: 'up', instant: true }] },
      { type: 'row', title: 'Open', panels: [] },
      {
        type: 'timeseries',
        title: 'Two',
        targets: [
          { datasource: prometheus, expr: 'rate(a{pod=~"$pod"}[$__rate_interval])' },
          { datasource: prometheus, expr: 'rate(b[$__range])', instant: false },
        ],
      },
      {
        type: 'row',
        title: 'Closed',
        panels: [{ type: 'logs', title: 'Lines', targets: [{ datasource: loki, expr: '{namespace="$namespace"}' }] }],
      },
      { type: 'text', title: 'No query' },
    ],
  };

  it('[DA11] lists the queries of variables, annotations and panels', () => {
    const panel = { dashboard: 'd', place: 'panel', source: 'prometheus' };
    expect(queriesOf(dashboard, { namespace: 'n', pod: ['p-1', 'p-2'] }, times)).toEqual([
      {
        dashboard: 'd',
        place: 'variable',
        title: 'namespace',
        source: 'prometheus',
        ask: { kind: 'labelValues', label: 'namespace', match: 'up' },
      },
      {
        dashboard: 'd',
        place: 'variable',
        title: 'pod',
        source: 'prometheus',
        ask: { kind: 'labelValues', label: 'pod' },
      },
      {
        dashboard: 'd',
        place: 'annotation',
        title: 'Starts',
        source: 'prometheus',
        ask: { kind: 'range', expr: 'start{namespace="n"}' },
      },
      { ...panel, title: 'Up', ask: { kind: 'instant', expr: 'up' } },
      { ...panel, row: 'Open', title: 'Two', ask: { kind: 'range', expr: 'rate(a{pod=~"(p-1|p-2)"}[1m])' } },
      { ...panel, row: 'Open', title: 'Two', ask: { kind: 'range', expr: 'rate(b[1h])' } },
      { ...panel, row: 'Closed', source: 'loki', title: 'Lines', ask: { kind: 'range', expr: '{namespace="n"}' } },
    ]);
  });

  it('[DA11] refuses what is no dashboard, and a variable that asks for something else', () => {
    expect(() => queriesOf({ uid: 'd' }, {}, times)).toThrow();
    const other = { type: 'query', name: 'x', datasource: prometheus, query: { query: 'query_result(up)' } };
    expect(() => queriesOf({ ...dashboard, templating: { list: [other] } }, {}, times)).toThrow('query_result(up)');
  });
});

describe('substitute', () => {
  const one = { name: 'one' };
  const many = { name: 'many', multi: true, includeAll: true, allValue: '.+' };
  const put = (text: string, values: Record<string, string | string[]>, source: Source = 'prometheus'): string =>
    substitute(text, source, { variables: [one, many], values, times });

  it.each([
    ['one value', 'prometheus', '$one', { one: 'a.b' }, 'a.b'],
    ['braces', 'prometheus', '${one}_x', { one: 'a' }, 'a_x'],
    ['one of many', 'prometheus', '$many', { many: 'a.b' }, String.raw`a\\.b`],
    ['several', 'prometheus', '$many', { many: ['a', 'b+'] }, String.raw`(a|b\\+)`],
    ['several for Loki', 'loki', '$many', { many: ['a', 'b'] }, 'a|b'],
    ['a backslash', 'prometheus', '$many', { many: String.raw`a\b` }, String.raw`a\\\\b`],
    ['all', 'prometheus', '$many', { many: '$__all' }, '.+'],
  ] as const)('[DA12] puts in %s', (_, source, text, values, expected) => {
    expect(put(text, { ...values } as Record<string, string | string[]>, source)).toBe(expected);
  });

  it('[DA12] refuses several values, or all, where one is chosen', () => {
    expect(() => put('$one', { one: ['a', 'b'] })).toThrow('exactly one');
    expect(() => put('$one', { one: '$__all' })).toThrow('no value for all');
  });

  it('[DA13] puts times in', () => {
    expect(put('[$__interval] [$__auto] [$__rate_interval] [$__range]', {})).toBe('[15s] [15s] [1m] [1h]');
  });

  it('[DA13] refuses a variable that is unknown or has no value', () => {
    expect(() => put('$other', { other: 'x' })).toThrow('$other');
    expect(() => put('$one', {})).toThrow('$one');
  });
});

it('[DA15] names the metrics of an expression', () => {
  expect(metricsOf('sum(rate(a_total{x="b{c}"}[5m])) / clamp_min(max by (k) (b:c{}), 1) or vector(0)')).toEqual([
    'a_total',
    'b:c',
  ]);
  expect(metricsOf('max by (name) (collabeditor_condition) == 1')).toEqual(['collabeditor_condition']);
});

interface ScrapeFile {
  readonly scrape_configs: readonly {
    readonly metric_relabel_configs?: readonly {
      readonly source_labels: readonly string[];
      readonly regex: string;
      readonly action: string;
    }[];
  }[];
}

describe.each([
  ['of the managed Prometheus', managedPrometheus],
  [
    'that is shipped',
    () => readFileSync(join(import.meta.dirname, '../../../../config/prometheus/scrape.yaml'), 'utf8'),
  ],
])('the scrape configuration %s', (_, read) => {
  it('[DA17] keeps what the dashboards ask for of those who have more', () => {
    const { scrape_configs: jobs } = parse(read()) as ScrapeFile;
    const kept = jobs
      .flatMap(({ metric_relabel_configs: rules = [] }) => rules)
      .filter(({ source_labels: [label], action }) => label === '__name__' && action === 'keep')
      .map(({ regex }) => new RegExp(`^(?:${regex})$`));
    const values = {
      namespace: 'n',
      environment: 'e',
      operator: 'o',
      component: '$__all',
      pod: '$__all',
      level: '$__all',
    };
    const asked = dashboards
      .flatMap(({ json }) => queriesOf(json, values, times))
      .flatMap(({ source, ask }) => (source === 'loki' || ask.kind === 'labelValues' ? [] : metricsOf(ask.expr)))
      .filter(
        (metric) => metric.startsWith('rabbitmq_') || (read === managedPrometheus && metric.startsWith('prometheus_')),
      );
    expect(new Set(asked).size).toBeGreaterThan(10);
    expect(asked.filter((metric) => !kept.some((regex) => regex.test(metric)))).toEqual([]);
  });
});

function managedPrometheus(): string {
  const children = manifests(desired(sampleInput(allManaged)));
  const configMap = children.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'team-prometheus');
  return textAt(configMap, 'data', 'prometheus.yml') ?? '';
}
