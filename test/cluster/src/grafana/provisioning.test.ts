import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, expect, it } from '@jest/globals';

import { provisionedBy } from './provisioning.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'collabeditor-grafana-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, content: unknown): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
}

const prometheus = { name: 'Prometheus', uid: 'prometheus', type: 'prometheus', url: 'http://team-prometheus:9090' };

function provision({ sources = [prometheus], dashboards = { 'a.json': { uid: 'a', title: 'A' } } }: Wanted = {}): void {
  write('datasources/all.yaml', { apiVersion: 1, datasources: sources });
  const options = { path: join(folder, 'boards') };
  write('dashboards/all.yaml', { apiVersion: 1, providers: [{ name: 'all', type: 'file', options }] });
  for (const [name, content] of Object.entries(dashboards)) write(`boards/${name}`, content);
}

interface Wanted {
  readonly sources?: readonly unknown[];
  readonly dashboards?: Readonly<Record<string, unknown>>;
}

it('[CL37] [CL38] takes what is complete', () => {
  provision({ sources: [{ ...prometheus, url: '$URL' }] });
  const { dataSources, dashboards } = provisionedBy(folder, { URL: 'http://there:9090' });
  expect(dataSources).toEqual([{ ...prometheus, url: 'http://there:9090' }]);
  expect(dashboards).toMatchObject([{ uid: 'a', title: 'A' }]);
});

it('[CL36] names the folder that is missing', () => {
  expect(() => provisionedBy(folder, {})).toThrow(join(folder, 'datasources'));
});

it.each([
  ['datasources/all.yaml', 'a: [', /datasources\/all\.yaml/],
  ['datasources/all.yaml', '[]', /not an object/],
  ['datasources/all.yaml', 'datasources: []', /apiVersion/],
  ['dashboards/all.yaml', 'apiVersion: 1', /providers is no list/],
  ['dashboards/all.yaml', 'apiVersion: 1\nproviders: [{name: x, options: {path: /no/such}}]', /\/no\/such/],
  ['boards/a.json', '{', /boards\/a\.json/],
])('[CL36] refuses %s with %j', (name, content, message) => {
  provision();
  write(name, content);
  expect(() => provisionedBy(folder, {})).toThrow(message);
});

it.each(['uid', 'name', 'type', 'url'])('[CL37] refuses a data source without %s', (field) => {
  provision({ sources: [{ ...prometheus, [field]: undefined }] });
  expect(() => provisionedBy(folder, {})).toThrow(`datasources[0]: ${field} is missing`);
});

it.each([{ uid: 'a b' }, { url: 'team-prometheus:9090' }, { url: 'not a url' }])('[CL37] refuses %j', (part) => {
  provision({ sources: [{ ...prometheus, ...part }] });
  expect(() => provisionedBy(folder, {})).toThrow(/is n/);
});

it('[CL37] refuses two data sources of one uid', () => {
  provision({ sources: [prometheus, { ...prometheus, name: 'Other' }] });
  expect(() => provisionedBy(folder, {})).toThrow(/data source uid prometheus is in/);
});

it.each([{ title: 'A' }, { uid: 'a' }, { uid: '', title: 'A' }])('[CL38] refuses the dashboard %j', (dashboard) => {
  provision({ dashboards: { 'a.json': dashboard } });
  expect(() => provisionedBy(folder, {})).toThrow(/a\.json: (uid|title) is missing/);
});

it('[CL38] refuses two dashboards of one uid', () => {
  provision({ dashboards: { 'a.json': { uid: 'a', title: 'A' }, 'deeper/b.json': { uid: 'a', title: 'B' } } });
  expect(() => provisionedBy(folder, {})).toThrow(/dashboard uid a is in/);
});

it('[CL38] refuses a provider without dashboards', () => {
  provision({ dashboards: { 'readme.txt': 'none' } });
  expect(() => provisionedBy(folder, {})).toThrow(/no dashboard there/);
});

it('[CL39] reads a mounted ConfigMap once', () => {
  provision({ dashboards: { '..2026_01_01/a.json': { uid: 'a', title: 'A' } } });
  symlinkSync('..2026_01_01', join(folder, 'boards', '..data'));
  symlinkSync(join('..data', 'a.json'), join(folder, 'boards', 'a.json'));
  expect(provisionedBy(folder, {}).dashboards).toHaveLength(1);
});
