/** Dashboards for a Grafana that is there already, in the ways in which such ones look for them. */
import { dashboards as all } from '../observability/dashboards/index.ts';
import { child } from './child.ts';
import { scraping } from './monitoring.ts';
import { dashboardsName, telemetryName } from './names.ts';
import { isManaged, telemetryUrl } from './telemetry.ts';
import type { DesiredInput, Manifest } from './types.ts';

/** What the usual sidecar of a Grafana looks for. */
const sidecarLabel = { grafana_dashboard: '1' };

const grafanaOperator = 'grafana.integreatly.org/v1beta1';

/** One text each: the same in every environment. */
const files: Readonly<Record<string, string>> = Object.fromEntries(
  all.map(({ file, json }) => [file, JSON.stringify(json)]),
);

/** ConfigMap with the dashboards, and objects of the grafana-operator's kinds where they are installed. */
export function dashboards(input: DesiredInput): Manifest[] {
  return [...configMap(input), ...grafanaDashboards(input), ...grafanaDatasources(input)];
}

/** Without metrics the dashboards are for a Grafana of the environment's own only, which has the logs. */
function configMap(input: DesiredInput): Manifest[] {
  const { resource } = input;
  const shared = scraping(input) !== 'None';
  if (!shared && !isManaged(resource.spec, 'grafana')) return [];
  const about = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: dashboardsName(resource),
    component: 'dashboards',
    role: 'monitoring',
    labels: shared ? sidecarLabel : {},
  } as const;
  return [child(resource, about, { data: files })];
}

function grafanaDashboards(input: DesiredInput): Manifest[] {
  const { resource, facts } = input;
  if (!facts.installed.grafanaDashboard || scraping(input) === 'None') return [];
  return all.map(({ uid, file }) => {
    const about = {
      apiVersion: grafanaOperator,
      kind: 'GrafanaDashboard',
      name: `${resource.metadata.name}-${uid.replace(/^collabeditor-/, 'dashboard-')}`,
      component: 'dashboards',
      role: 'monitoring',
    } as const;
    const configMapRef = { name: dashboardsName(resource), key: file };
    return child(resource, about, { spec: { instanceSelector: anyOfTheNamespace, configMapRef } });
  });
}

/** An empty selector is every Grafana of this namespace; none elsewhere, whoever runs it, gets what it did not ask for. */
const anyOfTheNamespace = {};

/** Without a uid of its own each is another one, even where two environments share a Grafana. */
function grafanaDatasources(input: DesiredInput): Manifest[] {
  const { resource, facts } = input;
  if (!facts.installed.grafanaDatasource) return [];
  return datasources(input).map(({ uid: program, isDefault, editable, ...datasource }) => {
    const about = {
      apiVersion: grafanaOperator,
      kind: 'GrafanaDatasource',
      name: telemetryName(resource, program),
      component: program,
      role: 'monitoring',
    } as const;
    const name = `${datasource.name} of ${resource.metadata.name}`;
    return child(resource, about, {
      spec: { instanceSelector: anyOfTheNamespace, datasource: { ...datasource, name } },
    });
  });
}

/** The stores of the environment's own, as Grafana names them. */
export function datasources(input: DesiredInput) {
  const kinds = [
    {
      uid: 'prometheus',
      name: 'Prometheus',
      jsonData: { httpMethod: 'POST', prometheusType: 'Prometheus', timeInterval: '15s' },
    },
    { uid: 'loki', name: 'Loki', jsonData: { maxLines: 1000 } },
  ] as const;
  return kinds
    .filter(({ uid }) => isManaged(input.resource.spec, uid))
    .map(({ uid, name, jsonData }, index) => ({
      uid,
      name,
      type: uid,
      access: 'proxy',
      url: telemetryUrl(input, uid),
      isDefault: index === 0,
      editable: false,
      jsonData,
    }));
}
