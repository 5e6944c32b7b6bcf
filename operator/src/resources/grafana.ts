import { stringify } from 'yaml';
import { dashboards } from '../observability/dashboards/index.ts';
import { datasources } from './dashboards.ts';
import { publicUrl } from './exposure.ts';
import { secretsAnnotation, secretsHash } from './hash.ts';
import { dashboardsName, telemetryName } from './names.ts';
import {
  isManaged,
  programPort,
  telemetryChild,
  telemetryConfigMap,
  telemetryPods,
  telemetryService,
} from './telemetry.ts';
import type { DesiredInput, KeySource, Manifest } from './types.ts';

const provisioningPath = '/etc/grafana/provisioning';
const dashboardsPath = '/etc/grafana/dashboards';
const dataPath = '/var/lib/grafana';

/** User `grafana` of the official image. */
const uid = 472;

/** Keys of the Secret with the administrator. */
export const grafanaSecret: Readonly<Record<string, KeySource>> = {
  'admin-user': { kind: 'fixed', value: 'admin' },
  'admin-password': { kind: 'password' },
};

/** Early, because the Ingress leads to it. */
export function grafanaService(input: DesiredInput): Manifest[] {
  return isManaged(input.resource.spec, 'grafana') ? [telemetryService(input, 'grafana')] : [];
}

/**
 * A Grafana for the environment alone; nothing unless dashboards are Managed. Everything that it shows is provisioned, so it has no
 * volume: what somebody changes in it lives as long as its pod.
 */
export function grafana(input: DesiredInput): Manifest[] {
  const { resource, facts } = input;
  if (!isManaged(resource.spec, 'grafana')) return [];
  const files = provisioning(input);
  const name = telemetryName(resource, 'grafana');
  const keys = Object.keys(grafanaSecret).map((key) => ({ secret: name, key }));
  const pods = telemetryPods(input, {
    program: 'grafana',
    uid,
    command: ['grafana', 'server', '--homepath=/usr/share/grafana'],
    env: environment(input),
    portName: 'http',
    ready: '/grafana/api/health',
    alive: '/grafana/api/health',
    gracePeriodSeconds: 30,
    mounts: [
      { name: 'data', mountPath: dataPath },
      { name: 'provisioning', mountPath: provisioningPath, readOnly: true },
      { name: 'dashboards', mountPath: dashboardsPath, readOnly: true },
    ],
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'provisioning', configMap: { name, items: provisionedItems } },
      { name: 'dashboards', configMap: { name: dashboardsName(resource), items: shownDashboards } },
    ],
    settings: files,
    annotations: { [secretsAnnotation]: secretsHash(facts, keys) },
  });
  return [
    telemetryConfigMap(input, 'grafana', files),
    telemetryChild(input, 'grafana', ['apps/v1', 'Deployment'], {
      spec: {
        replicas: 1,
        revisionHistoryLimit: 3,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        ...pods,
      },
    }),
  ];
}

/** Its Prometheus sees one environment and has nothing for a dashboard of the operator. */
const shownDashboards = dashboards
  .filter(({ scope }) => scope === 'environment')
  .map(({ file }) => ({ key: file, path: file }));

/** Grafana complains of a provisioning folder that is not there. */
const provisionedItems = [
  { key: 'datasources.yaml', path: 'datasources/datasources.yaml' },
  { key: 'dashboards.yaml', path: 'dashboards/dashboards.yaml' },
  { key: 'nothing.yaml', path: 'plugins/nothing.yaml' },
  { key: 'nothing.yaml', path: 'alerting/nothing.yaml' },
];

function provisioning(input: DesiredInput): Record<string, string> {
  const provider = {
    name: 'collabeditor',
    folder: 'CollabEditor',
    type: 'file',
    // The files are the release's: a change in the browser could not be kept.
    allowUiUpdates: false,
    disableDeletion: true,
    updateIntervalSeconds: 60,
    options: { path: dashboardsPath },
  };
  return {
    'datasources.yaml': stringify({ apiVersion: 1, prune: true, datasources: datasources(input) }, { lineWidth: 0 }),
    'dashboards.yaml': stringify({ apiVersion: 1, providers: [provider] }, { lineWidth: 0 }),
    'nothing.yaml': 'apiVersion: 1\n',
  };
}

/** Grafana's settings. It calls nobody outside the cluster and lets nobody in without a password. */
function environment(input: DesiredInput) {
  const name = telemetryName(input.resource, 'grafana');
  const url = publicUrl(input.resource.spec, input.facts);
  const fromSecret = (variable: string, key: string) => ({
    name: variable,
    valueFrom: { secretKeyRef: { name, key } },
  });
  const settings: Readonly<Record<string, string | boolean>> = {
    GF_SERVER_HTTP_PORT: String(programPort('grafana')),
    GF_SERVER_ROOT_URL: `${url ?? '%(protocol)s://%(domain)s:%(http_port)s'}/grafana/`,
    GF_SERVER_SERVE_FROM_SUB_PATH: true,
    GF_PATHS_DATA: dataPath,
    GF_PATHS_LOGS: `${dataPath}/log`,
    GF_PATHS_PLUGINS: `${dataPath}/plugins`,
    GF_PATHS_PROVISIONING: provisioningPath,
    GF_LOG_MODE: 'console',
    GF_LOG_LEVEL: 'warn',
    GF_LOG_CONSOLE_FORMAT: 'json',
    GF_AUTH_ANONYMOUS_ENABLED: false,
    GF_USERS_ALLOW_SIGN_UP: false,
    GF_SECURITY_COOKIE_SECURE: url?.startsWith('https:') ?? false,
    GF_SECURITY_DISABLE_GRAVATAR: true,
    GF_ANALYTICS_REPORTING_ENABLED: false,
    GF_ANALYTICS_CHECK_FOR_UPDATES: false,
    GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: false,
    GF_ANALYTICS_FEEDBACK_LINKS_ENABLED: false,
    GF_NEWS_NEWS_FEED_ENABLED: false,
    GF_PLUGINS_PREINSTALL_DISABLED: true,
    GF_PLUGINS_PLUGIN_ADMIN_ENABLED: false,
    GF_SNAPSHOTS_EXTERNAL_ENABLED: false,
    // They would be at /grafana/metrics, for everybody.
    GF_METRICS_ENABLED: false,
    GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: `${dashboardsPath}/${shownDashboards[0]?.path ?? ''}`,
  };
  return [
    fromSecret('GF_SECURITY_ADMIN_USER', 'admin-user'),
    fromSecret('GF_SECURITY_ADMIN_PASSWORD', 'admin-password'),
    ...Object.entries(settings).map(([variable, value]) => ({ name: variable, value: String(value) })),
  ];
}
