import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { logPrograms, LokiStore } from '../../../test/logs.ts';
import { listAt } from '../../kube/json.ts';
import { Promtool } from '../rules/test/promtool.ts';
import { dashboards } from './index.ts';
import { queriesOf } from './queries.ts';

const values = {
  namespace: 'editing',
  operator: 'collabeditor-system',
  environment: 'team',
  component: ['user-service', 'document-service'],
  pod: '$__all',
  level: ['info', 'warn'],
};
const times = { interval: '15s', rateInterval: '1m', range: '15m' };
const queries = dashboards.flatMap(({ json }) => queriesOf(json, values, times));

describe('Prometheus', () => {
  let promtool: Promtool;
  beforeAll(async () => {
    promtool = await Promtool.have();
  }, 600_000);
  afterAll(() => promtool[Symbol.dispose]());

  it('[DA14] takes every PromQL expression and every selector', async () => {
    const rules = queries
      .filter(({ source }) => source === 'prometheus')
      .flatMap(({ ask }) => (ask.kind === 'labelValues' ? (ask.match ?? []) : ask.expr))
      .map((expr, index) => ({ record: `query:${index}`, expr }));
    expect(rules.length).toBeGreaterThan(150);
    expect(await promtool.check([{ name: 'queries', rules }])).toMatchObject({ ok: true });
  });

  it('[DA14] would find a mistake', async () => {
    expect(await promtool.check([{ name: 'queries', rules: [{ record: 'q', expr: 'sum(rate(a)' }] }])).toMatchObject({
      ok: false,
    });
  });
});

describe('Loki', () => {
  let folder: string;
  let store: LokiStore;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'collabeditor-dashboards-'));
    store = await LokiStore.start((await logPrograms()).loki, folder);
    for (const component of ['realtime-service', 'notification-service', 'postgres']) await push(store, component);
  }, 900_000);
  afterAll(async () => {
    await store.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('[DA14] takes every LogQL expression and finds the lines that it is about', async () => {
    const logs = queries.flatMap(({ dashboard, title, source, ask }) =>
      source === 'loki' && ask.kind === 'range' ? [{ dashboard, title, expr: ask.expr }] : [],
    );
    expect(logs).toHaveLength(8);
    for (const { dashboard, title, expr } of logs) {
      expect([dashboard, title, await rows(store, expr)]).toEqual([dashboard, title, expect.any(Number)]);
      expect([dashboard, title, (await rows(store, expr)) > 0]).toEqual([dashboard, title, true]);
    }
  });

  it('[DA14] finds no line of a level that was not chosen, or of another environment', async () => {
    const lines = queries.find(({ source, title }) => source === 'loki' && title === 'Lines')?.ask;
    const expr = lines?.kind === 'range' ? lines.expr : '';
    expect(await rows(store, expr.replace('info|warn', 'fatal'))).toBe(0);
    expect(await rows(store, expr.replace('"team"', '"other"'))).toBe(0);
  });
});

/** Sends a line as the collector sends it. */
async function push({ port }: LokiStore, component: string): Promise<void> {
  const attributes = (of: Record<string, string>) =>
    Object.entries(of).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const resource = { namespace: 'editing', instance: 'team', component, pod: `team-${component}-0` };
  const record = {
    timeUnixNano: `${Date.now()}000000`,
    body: { stringValue: '{"level":"warn","msg":"a line"}' },
    attributes: attributes({ level: 'warn' }),
  };
  const response = await fetch(`http://127.0.0.1:${port}/otlp/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      resourceLogs: [{ resource: { attributes: attributes(resource) }, scopeLogs: [{ logRecords: [record] }] }],
    }),
  });
  expect(response.status).toBeLessThan(300);
}

/** Rows that a query of the last quarter of an hour answers. */
async function rows({ port }: LokiStore, query: string): Promise<number> {
  const now = Date.now() / 1000;
  const search = new URLSearchParams({ query, start: String(now - 900), end: String(now + 60), step: '15' });
  const response = await fetch(`http://127.0.0.1:${port}/loki/api/v1/query_range?${search.toString()}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${query}: ${text}`);
  return listAt(JSON.parse(text), 'data', 'result').length;
}
