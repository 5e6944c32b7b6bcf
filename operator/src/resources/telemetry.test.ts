import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { allManaged, everyKind, sampleInput } from '../../test/sample.ts';
import { dashboards } from '../observability/dashboards/index.ts';
import { desired, manifests } from './index.ts';
import { brokerMetrics, queueMetrics } from './scrape.ts';
import type { Manifest } from './types.ts';

type Input = ReturnType<typeof sampleInput>;

interface Template {
  template: {
    spec: {
      automountServiceAccountToken: boolean;
      containers: { command: string[]; env: { name: string; value?: string; valueFrom?: unknown }[] }[];
      volumes: { name: string; configMap?: { name: string; items?: { key: string; path: string }[] } }[];
    };
  };
}

interface Job {
  job_name: string;
  relabel_configs: Relabel[];
  metric_relabel_configs?: Relabel[];
}

interface Relabel {
  action?: string;
  regex?: string;
}

describe('what is Managed', () => {
  const all = (input: Input) => [
    ...desired(input).secrets.map(({ manifest }) => manifest),
    ...manifests(desired(input)),
  ];
  const named = (input: Input, program: string) =>
    all(input)
      .filter(({ metadata }) => metadata.name === `team-${program}`)
      .map(({ kind }) => kind)
      .toSorted();
  const common = ['ConfigMap', 'NetworkPolicy', 'Service', 'ServiceAccount'];

  it('[OR25] has its children, and nothing else has', () => {
    const managed = sampleInput(allManaged);
    expect(named(managed, 'prometheus')).toEqual([...common, 'StatefulSet', 'Role', 'RoleBinding'].toSorted());
    expect(named(managed, 'loki')).toEqual([...common, 'StatefulSet'].toSorted());
    expect(named(managed, 'grafana')).toEqual([...common, 'Deployment', 'Secret'].toSorted());
    for (const program of ['prometheus', 'loki', 'grafana']) expect(named(sampleInput(), program)).toEqual([]);
    expect(named(sampleInput({ observability: { logs: 'Managed' } }), 'prometheus')).toEqual([]);
  });

  it('[OR3] gives Prometheus a token that finds pods of its namespace and nothing else', () => {
    const role = find(sampleInput(allManaged), 'Role', 'team-prometheus');
    expect(role['rules']).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }]);
    const tokens = manifests(desired(sampleInput(allManaged)))
      .filter(({ spec }) => JSON.stringify(spec ?? {}).includes('"automountServiceAccountToken":true'))
      .map(({ metadata }) => metadata.name);
    expect(tokens).toEqual(['team-prometheus']);
  });
});

describe('Prometheus', () => {
  const flags = (observability: Record<string, unknown>, facts = {}) =>
    templateOf(sampleInput({ observability: { ...allManaged.observability, ...observability } }, facts), 'prometheus')
      .containers[0]?.command;

  it('[OR26] keeps what fits, as long as asked for', () => {
    const spec = { storage: { metrics: '10Gi' }, retention: { metrics: '1h30m' } };
    expect(() => flags(spec)).toThrow('spec.observability.retention.metrics');
    const given = { storage: { metrics: '10Gi' }, retention: { metrics: '36h30m' } };
    expect(flags(given)).toEqual(
      expect.arrayContaining(['--storage.tsdb.retention.time=131400s', '--storage.tsdb.retention.size=8589934592B']),
    );
    // The volume that is there counts.
    expect(flags(given, { volumes: { prometheus: { storage: '5Gi' } } })).toContain(
      '--storage.tsdb.retention.size=4294967296B',
    );
    expect(flags({})?.join(' ')).not.toMatch(/lifecycle|admin-api|remote-write/);
  });

  it('[OR26] tells its alerts where it is told to', () => {
    const alerting = (metrics: Record<string, unknown>) =>
      configOf(sampleInput({ observability: { metrics: { type: 'Managed', ...metrics } } }))['alerting'];
    expect(alerting({})).toBeUndefined();
    expect(alerting({ alertmanagerURL: 'https://alerts.example/below' })).toEqual({
      alertmanagers: [{ scheme: 'https', path_prefix: '/below', static_configs: [{ targets: ['alerts.example'] }] }],
    });
  });

  it('[OR27] and a PodMonitor relabel alike', () => {
    const own = configOf(sampleInput(allManaged))['scrape_configs'] as Job[];
    const monitor = find(sampleInput({}, { installed: everyKind }), 'PodMonitor', 'team-metrics');
    const { podMetricsEndpoints } = monitor['spec'] as { podMetricsEndpoints: Record<string, Relabel[]>[] };
    const snake = (steps: unknown): unknown =>
      JSON.parse(
        JSON.stringify(steps ?? null).replaceAll(/[a-z]+([A-Z])[a-z]+":/g, (word) =>
          word.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`),
        ),
      );
    expect(
      podMetricsEndpoints.map(({ relabelings, metricRelabelings }) => [snake(relabelings), snake(metricRelabelings)]),
    ).toEqual(
      own
        .filter(({ job_name: name }) => name !== 'telemetry')
        .map(({ relabel_configs: steps, metric_relabel_configs: series = null }) => [steps.slice(1), series]),
    );
    const external = sampleInput({ rabbitmq: { external: { secretName: 'x' } } }, { installed: everyKind });
    expect(JSON.stringify(find(external, 'PodMonitor', 'team-metrics')['spec'])).not.toContain('rabbitmq');
  });

  it('[OR27] keeps of RabbitMQ what config/prometheus keeps', () => {
    const { scrape_configs: jobs } = parse(readFileSync('config/prometheus/scrape.yaml', 'utf8')) as {
      scrape_configs: { job_name: string; metric_relabel_configs?: Relabel[] }[];
    };
    const kept = jobs.flatMap(({ metric_relabel_configs: steps = [] }) =>
      steps.filter(({ action }) => action === 'keep').map(({ regex }) => regex),
    );
    expect(kept).toEqual(expect.arrayContaining([brokerMetrics, queueMetrics]));
  });
});

describe('Loki', () => {
  const limits = (observability: Record<string, unknown> = {}) => {
    const input = sampleInput({ observability: { logs: 'Managed', ...observability } });
    const config = parse(dataOf(input, 'team-loki')['loki.yaml'] ?? '') as Record<string, Record<string, unknown>>;
    return config['limits_config'];
  };

  it('[OR28] forgets lines after the retention, and takes none as too old before', () => {
    expect(limits()).toMatchObject({ retention_period: '604800s', reject_old_samples_max_age: '604800s' });
    expect(limits({ retention: { logs: '24h' } })).toMatchObject({ retention_period: '86400s' });
    expect(limits()?.['otlp_config']).toEqual({
      resource_attributes: {
        ignore_defaults: true,
        attributes_config: [{ action: 'index_label', attributes: ['namespace', 'instance', 'component', 'pod'] }],
      },
    });
  });
});

describe('Grafana', () => {
  const environment = (spec: Record<string, unknown>, facts = {}) =>
    Object.fromEntries(
      (templateOf(sampleInput({ ...allManaged, ...spec }, facts), 'grafana').containers[0]?.env ?? []).map(
        ({ name, value, valueFrom }) => [name, value ?? valueFrom],
      ),
    );

  it('[OR29] lets nobody in without the password, and calls nobody', () => {
    expect(environment({})).toMatchObject({
      GF_SECURITY_ADMIN_USER: { secretKeyRef: { name: 'team-grafana', key: 'admin-user' } },
      GF_SECURITY_ADMIN_PASSWORD: { secretKeyRef: { name: 'team-grafana', key: 'admin-password' } },
      GF_AUTH_ANONYMOUS_ENABLED: 'false',
      GF_USERS_ALLOW_SIGN_UP: 'false',
      GF_METRICS_ENABLED: 'false',
      GF_ANALYTICS_REPORTING_ENABLED: 'false',
      GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
      GF_SECURITY_DISABLE_GRAVATAR: 'true',
      GF_PLUGINS_PREINSTALL_DISABLED: 'true',
      GF_LOG_LEVEL: 'warn',
    });
    const { secrets } = desired(sampleInput(allManaged));
    expect(secrets.find(({ manifest }) => manifest.metadata.name === 'team-grafana')?.keys).toEqual({
      'admin-user': { kind: 'fixed', value: 'admin' },
      'admin-password': { kind: 'password' },
    });
  });

  it('[OR29] is below /grafana', () => {
    const root = (spec: Record<string, unknown>, facts = {}) => environment(spec, facts)['GF_SERVER_ROOT_URL'];
    expect(environment({})['GF_SERVER_SERVE_FROM_SUB_PATH']).toBe('true');
    expect(root({})).toBe('%(protocol)s://%(domain)s:%(http_port)s/grafana/');
    expect(root({}, { address: '192.0.2.1' })).toBe('http://192.0.2.1/grafana/');
    const tls = { exposure: { host: 'a.example', ingress: { tlsSecretName: 'cert' } } };
    expect(root(tls)).toBe('https://a.example/grafana/');
    expect(environment(tls)['GF_SECURITY_COOKIE_SECURE']).toBe('true');
  });

  it('[OR29] has a data source for each store that is Managed', () => {
    const sources = (observability: Record<string, unknown>) => {
      const data = dataOf(sampleInput({ observability: { dashboards: 'Managed', ...observability } }), 'team-grafana');
      const { datasources } = parse(data['datasources.yaml'] ?? '') as {
        datasources: { uid: string; url: string; isDefault: boolean }[];
      };
      return datasources.map(({ uid, url, isDefault }) => [uid, url, isDefault]);
    };
    const prometheus = ['prometheus', 'http://team-prometheus.space.svc:9090', true];
    const loki = ['loki', 'http://team-loki.space.svc:3100'];
    expect(sources({ metrics: { type: 'Managed' }, logs: 'Managed' })).toEqual([prometheus, [...loki, false]]);
    expect(sources({ logs: 'Managed' })).toEqual([[...loki, true]]);
    expect(sources({})).toEqual([]);
  });
});

describe('the dashboards', () => {
  const kinds = (spec: Record<string, unknown>, installed = false) =>
    desired(sampleInput(spec, installed ? { installed: everyKind } : {})).monitoring.map(
      ({ kind, metadata }) => `${kind} ${metadata.name}`,
    );

  it('[OR30] are in a ConfigMap that fits and that sidecars find', () => {
    const configMap = find(sampleInput(), 'ConfigMap', 'team-dashboards');
    expect(configMap.metadata.labels).toMatchObject({ grafana_dashboard: '1' });
    const data = configMap['data'] as Record<string, string>;
    expect(Object.keys(data)).toEqual(dashboards.map(({ uid }) => `${uid}.json`));
    for (const { file, json } of dashboards) expect(JSON.parse(data[file] ?? '')).toEqual(json);
    expect(Buffer.byteLength(JSON.stringify(configMap))).toBeLessThan(2 ** 20);
    const none = { metrics: { type: 'None' } };
    expect(kinds({ observability: none })).toEqual([]);
    const logsOnly = sampleInput({ observability: { ...none, logs: 'Managed', dashboards: 'Managed' } });
    expect(find(logsOnly, 'ConfigMap', 'team-dashboards').metadata.labels).not.toHaveProperty('grafana_dashboard');
  });

  it('[OR30] are objects where the grafana-operator is', () => {
    const names = ['overview', 'realtime', 'events', 'stores', 'operator'];
    expect(kinds({}, true).filter((name) => name.startsWith('Grafana'))).toEqual(
      names.map((name) => `GrafanaDashboard team-dashboard-${name}`),
    );
    expect(kinds(allManaged, true).filter((name) => name.startsWith('GrafanaDatasource'))).toEqual([
      'GrafanaDatasource team-prometheus',
      'GrafanaDatasource team-loki',
    ]);
    expect(
      find(sampleInput({}, { installed: everyKind }), 'GrafanaDashboard', 'team-dashboard-overview')['spec'],
    ).toEqual({
      instanceSelector: {},
      configMapRef: { name: 'team-dashboards', key: 'collabeditor-overview.json' },
    });
  });

  it('[OR30] of an environment are in its own Grafana', () => {
    const mounted = templateOf(sampleInput(allManaged), 'grafana').volumes.find(({ name }) => name === 'dashboards');
    expect(mounted?.configMap?.name).toBe('team-dashboards');
    expect(mounted?.configMap?.items?.map(({ path }) => path)).toEqual(
      ['overview', 'realtime', 'events', 'stores'].map((name) => `collabeditor-${name}.json`),
    );
  });
});

function find(input: Input, kind: string, name: string): Manifest {
  const found = manifests(desired(input)).find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

function templateOf(input: Input, program: 'prometheus' | 'loki' | 'grafana'): Template['template']['spec'] {
  const kind = program === 'grafana' ? 'Deployment' : 'StatefulSet';
  return (find(input, kind, `team-${program}`)['spec'] as Template).template.spec;
}

function dataOf(input: Input, name: string): Record<string, string> {
  return find(input, 'ConfigMap', name)['data'] as Record<string, string>;
}

function configOf(input: Input): Record<string, unknown> {
  return parse(dataOf(input, 'team-prometheus')['prometheus.yml'] ?? '') as Record<string, unknown>;
}
