import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { environmentRules, operatorRules } from '../rules/index.ts';
import type { Board } from './board.ts';
import { dashboardFiles } from './generate.ts';
import { dashboards } from './index.ts';
import { queriesOf } from './queries.ts';

type Panel = NonNullable<Board['panels']>[number];

const root = join(import.meta.dirname, '../../../..');
const boards = dashboards.map(({ uid, title, json }) => ({ uid, title, board: json as Board }));

/** Panels that show something, with the row that they are in. */
function shown(board: Board): { row: string; closed: boolean; panel: Exclude<Panel, { type: 'row' }> }[] {
  let row = '';
  return (board.panels ?? []).flatMap((panel) => {
    if (!('panels' in panel)) return [{ row, closed: false, panel }];
    row = panel.title ?? '';
    return panel.panels.map((inner) => ({ row, closed: panel.collapsed, panel: inner }));
  });
}

it('[DA1] has the five dashboards', () => {
  expect(dashboards.map(({ uid, file }) => [uid, file])).toEqual(
    ['overview', 'realtime', 'events', 'stores', 'operator'].map((name) => [
      `collabeditor-${name}`,
      `collabeditor-${name}.json`,
    ]),
  );
  expect(new Set(dashboards.map(({ title }) => title)).size).toBe(5);
  expect(dashboards.map(({ scope }) => scope)).toEqual([...Array<string>(4).fill('environment'), 'operator']);
});

it('[DA2] has committed what its source generates', () => {
  const stale = dashboardFiles().filter(({ path, content }) => readFileSync(join(root, path), 'utf8') !== content);
  expect(stale.map(({ path }) => path)).toEqual([]);
});

it('[DA10] has every dashboard that an alert or a link names', () => {
  const named = [...environmentRules('all'), ...operatorRules()]
    .flatMap(({ rules }) => rules)
    .flatMap((rule) => ('annotations' in rule ? Object.entries(rule.annotations) : []))
    .filter(([key]) => key.startsWith('dashboard'))
    .map(([, value]) => /collabeditor-[a-z]+/.exec(value)?.[0]);
  const linked = [...JSON.stringify(dashboards).matchAll(/\/d\/(collabeditor-[a-z]+)/g)].map(([, uid]) => uid);
  expect(named.length).toBeGreaterThan(10);
  expect(linked.length).toBeGreaterThan(0);
  expect(dashboards.map(({ uid }) => uid)).toEqual(expect.arrayContaining([...new Set([...named, ...linked])]));
});

describe.each(boards)('$uid', ({ uid, board }) => {
  it('[DA4] describes every panel', () => {
    const panels = shown(board);
    expect(panels.length).toBeGreaterThan(5);
    for (const { panel } of panels)
      expect([panel.title, (panel.description ?? '').length > 20]).toEqual([panel.title, true]);
    const titles = panels.map(({ row, panel }) => `${row}: ${panel.title ?? ''}`);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it('[DA5] lays the panels out', () => {
    const all = (board.panels ?? []).flatMap((panel) => ('panels' in panel ? [panel, ...panel.panels] : [panel]));
    expect(all.map(({ id }) => id)).toEqual(all.map((_, index) => index + 1));
    const taken = new Set<string>();
    for (const { gridPos } of all) {
      expect(gridPos).toBeDefined();
      const { x, y, w, h } = gridPos ?? { x: 0, y: 0, w: 0, h: 0 };
      expect(x + w).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column += 1) {
        for (let line = y; line < y + h; line += 1) {
          expect(taken.has(`${column}/${line}`)).toBe(false);
          taken.add(`${column}/${line}`);
        }
      }
    }
  });

  it('[DA6] names data sources by variables', () => {
    const uids = [...JSON.stringify(board).matchAll(/"datasource":\{"type":"(\w+)","uid":"([^"]+)"\}/g)];
    expect(uids.length).toBeGreaterThan(0);
    for (const [, type, source] of uids) expect(source).toBe(type === 'loki' ? '${logs}' : '${datasource}');
  });

  it('[DA7] asks about the chosen environment or the operator only', () => {
    const values = {
      namespace: 'the-namespace',
      operator: 'the-namespace',
      environment: 'the-environment',
      component: '$__all',
      pod: '$__all',
      level: '$__all',
    };
    const times = { interval: '15s', rateInterval: '1m', range: '1h' };
    for (const { source, ask, place } of queriesOf(board, values, times)) {
      if (ask.kind === 'labelValues') continue;
      const selectors = [...ask.expr.matchAll(/\{([^}]*(?:\{id\}[^}]*)?)\}/g)].map(([, matchers]) => matchers ?? '');
      expect(selectors.length > 0 || ask.expr.includes('(collabeditor_')).toBe(true);
      for (const matchers of selectors) {
        if (source === 'loki') expect(matchers).toContain('namespace="the-namespace", instance="the-environment"');
        else if (uid !== 'collabeditor-operator') {
          expect(matchers).toContain('namespace="the-namespace", environment="the-environment"');
        } else if (!/alertname|type="Ready"/.test(matchers)) {
          expect([place, matchers]).toEqual([
            place,
            expect.stringContaining('component="operator", namespace="the-namespace"'),
          ]);
        }
      }
      if (source === 'prometheus') expect(ask.expr).not.toMatch(/\b(job|instance)\b/);
    }
  });

  it('[DA8] keeps log panels in closed rows', () => {
    const logs = shown(board).filter(({ panel }) => panel.datasource?.type === 'loki');
    expect(logs.length > 0).toBe(uid !== 'collabeditor-operator');
    for (const { closed } of logs) expect(closed).toBe(true);
  });

  it('[DA9] leads to the others', () => {
    expect(board.tags).toContain('collabeditor');
    expect(board.links).toMatchObject([
      { type: 'dashboards', tags: ['collabeditor'], includeVars: true, keepTime: true },
    ]);
  });
});
