import { describe, expect, it } from '@jest/globals';
import {
  problemsOfDashboard,
  problemsOfDatasourcesFile,
  problemsOfProvidersFile,
  problemsOfResource,
} from '../../../test/grafana-schema.ts';
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
