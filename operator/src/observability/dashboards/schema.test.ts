import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import {
  problemsOfDashboard,
  problemsOfDatasourcesFile,
  problemsOfProvidersFile,
  problemsOfResource,
} from '../../../test/grafana-schema.ts';
import { allManaged, everyKind, sampleInput } from '../../../test/sample.ts';
import { desired, manifests } from '../../resources/index.ts';
import { dashboards } from './index.ts';

describe.each(dashboards)('$uid', ({ json }) => {
  it('[DA3] is what Grafana publishes of dashboards, panels and queries', () => {
    expect(problemsOfDashboard(json)).toEqual([]);
  });
});

describe('what surrounds the dashboards', () => {
  const datasource = {
    name: 'Prometheus',
    uid: 'prometheus',
    type: 'prometheus',
    access: 'proxy',
    url: 'http://p:9090',
  };
  const provider = { name: 'collabeditor', type: 'file', options: { path: '/var/lib/grafana/dashboards' } };

  it('[DA16] takes what Grafana takes', () => {
    expect(problemsOfDatasourcesFile({ apiVersion: 1, datasources: [datasource] })).toEqual([]);
    expect(problemsOfProvidersFile({ apiVersion: 1, providers: [provider] })).toEqual([]);
  });

  it.each([
    ['an unknown key', { ...datasource, editible: false }],
    ['a wrong type', { ...datasource, isDefault: 'yes' }],
    ['a uid that is too long', { ...datasource, uid: 'u'.repeat(41) }],
    ['no name', { type: 'prometheus' }],
  ])('[DA16] finds %s in a data source', (_, wrong) => {
    expect(problemsOfDatasourcesFile({ apiVersion: 1, datasources: [wrong] })).not.toEqual([]);
  });

  it('[DA16] finds mistakes in a provider and in a version', () => {
    expect(problemsOfProvidersFile({ apiVersion: 1, providers: [{ ...provider, options: {} }] })).not.toEqual([]);
    expect(problemsOfProvidersFile({ apiVersion: 2, providers: [provider] })).not.toEqual([]);
  });

  it('[DA16] knows the resources of the grafana-operator', () => {
    const apiVersion = 'grafana.integreatly.org/v1beta1';
    const metadata = { name: 'team', namespace: 'editing' };
    const instanceSelector = { matchLabels: { team: 'yes' } };
    const dashboard = { apiVersion, kind: 'GrafanaDashboard', metadata, spec: { instanceSelector, json: '{}' } };
    const source = { apiVersion, kind: 'GrafanaDatasource', metadata, spec: { instanceSelector, datasource } };
    expect(problemsOfResource(dashboard)).toEqual([]);
    expect(problemsOfResource(source)).toEqual([]);
    expect(problemsOfResource({ ...dashboard, spec: { json: 1 } })).not.toEqual([]);
    expect(problemsOfResource({ ...source, kind: 'GrafanaFolder' })).not.toEqual([]);
  });
});

describe('what the operator gives to Grafana', () => {
  interface Child {
    readonly kind: string;
    readonly metadata: { readonly name: string };
    readonly data?: Readonly<Record<string, string>>;
    readonly spec?: unknown;
  }
  const input = sampleInput(allManaged, { installed: everyKind });
  const children = manifests(desired(input)) as unknown as readonly Child[];
  const dataOf = (name: string): Readonly<Record<string, string>> =>
    children.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name)?.data ?? {};

  it('[DA18] provisions its own Grafana with files that it takes', () => {
    const files = dataOf('team-grafana');
    const datasources: unknown = parse(files['datasources.yaml'] ?? '');
    expect(problemsOfDatasourcesFile(datasources)).toEqual([]);
    expect(problemsOfProvidersFile(parse(files['dashboards.yaml'] ?? ''))).toEqual([]);
    // What the variables of the dashboards pick at first.
    expect(datasources).toMatchObject({ datasources: [{ uid: 'prometheus' }, { uid: 'loki' }] });
  });

  it('[DA18] hands over the dashboards as they were committed', () => {
    const data = dataOf('team-dashboards');
    expect(Object.keys(data).toSorted()).toEqual(dashboards.map(({ file }) => file).toSorted());
    for (const { file, json } of dashboards) expect(JSON.parse(data[file] ?? '')).toEqual(json);
    // The API server takes a mebibyte.
    expect(JSON.stringify(data).length).toBeLessThan(700_000);
  });

  it("[DA18] makes objects that the grafana-operator's schema allows", () => {
    const objects = children.filter(({ kind }) => kind.startsWith('Grafana'));
    expect(objects.map(({ kind }) => kind).toSorted()).toEqual([
      ...dashboards.map(() => 'GrafanaDashboard'),
      'GrafanaDatasource',
      'GrafanaDatasource',
    ]);
    for (const { kind, spec, ...rest } of objects) expect(problemsOfResource({ ...rest, kind, spec })).toEqual([]);
  });
});
