/**
 * What an environment does can be seen: metrics, logs, dashboards and alerts of one manifest on a real node, with real faults.
 * The steps build on one another; SPEC.md lists what each of them proves.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { build } from '../cluster/src/build.ts';
import { AlertLog, type Expected } from './alerts.ts';
import { applySpec, instance, name, namespace, ready, status } from './environment.ts';
import { apply, kubectl, list, processesOf, secret } from './kubernetes.ts';
import { Mailbox } from './mailbox.ts';
import { askAll, tableOf, type Answered } from './panels.ts';
import { Prometheus } from './prometheus.ts';
import { register, restClient, type Account } from './rest.ts';
import { LokiApi, PrometheusApi, type Series } from './telemetry.ts';
import { Traffic } from './traffic.ts';
import { until } from './wait.ts';

jest.setTimeout(900_000);

const mailPort = 2526;
/** A second resource, paused from the start: nothing of it runs, but its certificate is looked at. */
const certified = 'certified';
const services = ['user', 'document', 'realtime', 'notification'].map((service) => `${service}-service`);
const components = [...services, 'postgres', 'redis', 'rabbitmq'];
/** Each is planted where people and programs put secrets, and must show nowhere. */
const canaries = { text: 'canary-text-7f3a9c', password: 'correct horse watcher', title: 'canary-title-51d0' };

let mailbox: Mailbox | undefined;
let baseUrl = '';
let ann: Account;
let prometheus: PrometheusApi;
let loki: LokiApi;
let outside: Prometheus | undefined;
let traffic: Traffic | undefined;
const alerts = new AlertLog();
const report: string[] = [];
let since = 0;

const spec = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  deletionPolicy: 'Delete',
  // The run is longer than a token usually lives.
  auth: { accessTokenTTL: '2h' },
  postgres: { managed: { storage: '400Mi', storageClassName: 'bounded' } },
  observability: { metrics: { type: 'Managed' }, logs: 'Managed', dashboards: 'Managed' },
  services: { notification: { smtp: { secretName: 'team-smtp', from: 'CollabEditor <no-reply@example.com>' } } },
  ...changes,
});

const addressOf = async (service: string): Promise<string> =>
  kubectl(['-n', namespace, 'get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}']);

const scale = async (workload: string, replicas: number, where = namespace): Promise<unknown> =>
  kubectl(['-n', where, 'scale', workload, `--replicas=${replicas}`]);

const monitoringReady = async (): Promise<boolean> =>
  until('MonitoringReady', async () => {
    const { conditions = [] } = await status();
    const found = conditions.find(({ type }) => type === 'MonitoringReady');
    if (found?.status !== 'True') throw new Error(found?.message);
    return true;
  });

/** Its certificate ends in two days. */
async function applyCertified(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'collabeditor-certificate-'));
  const [key, certificate] = ['tls.key', 'tls.crt'].map((file) => join(folder, file)) as [string, string];
  const subject = ['-subj', '/CN=certified.example.com', '-days', '2', '-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject], { stdio: 'ignore' });
  await apply({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: `${certified}-tls`, namespace },
    stringData: { 'tls.key': readFileSync(key, 'utf8'), 'tls.crt': readFileSync(certificate, 'utf8') },
  });
  rmSync(folder, { recursive: true });
  await apply({
    apiVersion: 'collabeditor.dev/v1alpha1',
    kind: 'CollabEditor',
    metadata: { name: certified, namespace },
    spec: {
      paused: true,
      exposure: { host: 'certified.example.com', ingress: { tlsSecretName: `${certified}-tls` } },
    },
  });
}

const lines = (series: readonly Series[]): number => series.reduce((sum, { values }) => sum + values.length, 0);

beforeAll(async () => {
  const programs = (await build(['prometheus'], { quiet: true })).get('prometheus') ?? '';
  const kubeconfig = process.env['KUBECONFIG'] ?? '';
  outside = await Prometheus.start(join(programs, 'prometheus'), kubeconfig, { port: 9192, scrapeInterval: '15s' });
});

afterAll(async () => {
  await traffic?.[Symbol.asyncDispose]();
  await mailbox?.[Symbol.asyncDispose]();
  await outside?.[Symbol.asyncDispose]();
  await kubectl(['-n', namespace, 'delete', 'collabeditor', name, certified, '--ignore-not-found']);
  await until('the environment to be gone', async () =>
    (await list(namespace, 'pods,persistentvolumeclaims,secrets', instance)).length === 0 ? true : undefined,
  );
  console.log([...report, ...alerts.table(), `traffic: ${JSON.stringify(traffic?.done)}`].join('\n'));
});

describe('one manifest', () => {
  it('[EE20] brings metrics, logs and dashboards with it', async () => {
    const node = (await kubectl(['get', 'nodes', '-o', 'jsonpath={.items[0].status.addresses[0].address}'])).trim();
    mailbox = await Mailbox.listen(node, mailPort);
    const uri = `smtp://${node}:${mailPort}`;
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'team-smtp', namespace },
      stringData: { uri },
    });
    await applySpec(spec());
    await applyCertified();
    since = performance.now();
    await ready();
    await monitoringReady();
    baseUrl = (await status()).url ?? '';
    prometheus = new PrometheusApi(`http://${await addressOf(`${name}-prometheus`)}:9090`);
    loki = new LokiApi(`http://${await addressOf(`${name}-loki`)}:3100`);
    ann = await register(restClient(baseUrl), 'watcher@example.com', 'watcher');
    const token = await mailbox.token('watcher@example.com', 'verify');
    await restClient(baseUrl).call('POST', '/auth/verify', { token });
    traffic = await Traffic.start({ baseUrl, account: ann, canary: canaries.text });
    await ann.rest.call('POST', '/documents', { title: canaries.title });
    await until('every target to be up', async () => {
      const up = await prometheus.instant(`sum by (component) (up{environment="${name}"})`);
      const missing = components.filter((one) => up.every(({ labels }) => labels['component'] !== one));
      const exempt = ['postgres', 'redis'];
      const left = missing.filter((one) => !exempt.includes(one));
      if (left.length > 0) throw new Error(`no target of ${left.join(', ')}`);
      return true;
    });
  });

  it('[EE21] Grafana is behind /grafana with both data sources and the dashboards', async () => {
    const { 'admin-user': user = '', 'admin-password': password = '' } = await secret(namespace, `${name}-grafana`);
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const grafana = restClient(baseUrl);
    const call = async (path: string): Promise<unknown> => {
      const { status: code, body } = await grafana.call('GET', `/grafana/api${path}`, undefined, { authorization });
      if (code !== 200) throw new Error(`${path}: ${code} ${JSON.stringify(body)}`);
      return body;
    };
    await until('Grafana to be healthy', () => call('/health'));
    const found = (await call('/search')) as { uid: string }[];
    expect(found.map(({ uid }) => uid).sort()).toEqual(
      ['events', 'overview', 'realtime', 'stores'].map((one) => `collabeditor-${one}`),
    );
    await call('/datasources/proxy/uid/prometheus/api/v1/query?query=up');
    await call('/datasources/proxy/uid/loki/loki/api/v1/labels');
    expect((await grafana.call('GET', '/grafana/api/search')).status).toBe(401);
  });
});

describe('logs', () => {
  it('[EE22] lines of every component are in Loki with their fields', async () => {
    for (const component of components) {
      await until(`lines of ${component}`, async () => {
        const end = Math.floor(Date.now() / 1000) + 1;
        const found = await loki.range(`{namespace="${namespace}",component="${component}"}`, {
          start: end - 1800,
          end,
        });
        const [first] = found;
        if (first === undefined) return undefined;
        expect(first.labels).toMatchObject({ namespace, instance: name, component });
        expect(first.labels['pod']).toContain(`${name}-${component}`);
        expect(first.labels['level']).toMatch(/^(trace|debug|info|warn|error|fatal)$/);
        return true;
      });
    }
    expect(await loki.labelValues('namespace')).toEqual([namespace]);
    expect(await loki.labelValues('instance')).toEqual([name]);
  });

  it('[EE23] no line is lost while the collector and Loki restart', async () => {
    const count = 1_200;
    const image = (await list(namespace, 'pods', `${instance},app.kubernetes.io/name=redis`))[0] as unknown as {
      spec: { containers: { image: string }[] };
    };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${name}-counter`,
        namespace,
        labels: {
          'app.kubernetes.io/instance': name,
          'app.kubernetes.io/part-of': 'collabeditor',
          'app.kubernetes.io/managed-by': 'collabeditor-operator',
          'app.kubernetes.io/name': 'counter',
        },
      },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 999, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'counter',
            image: image.spec.containers[0]?.image,
            imagePullPolicy: 'IfNotPresent',
            command: [
              'sh',
              '-c',
              `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo "number $i"; sleep 0.02; done; sleep 600`,
            ],
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            },
          },
        ],
      },
    };
    await apply(pod);
    await until('the first numbers', async () => ((await numbers()).size > 50 ? true : undefined));
    await kubectl(['-n', 'collabeditor-logs', 'delete', 'pods', '--all', '--wait=false', '--grace-period=1']);
    await kubectl(['-n', namespace, 'delete', 'pod', `${name}-loki-0`, '--wait=false']);
    const found = await until(
      'all numbers',
      async () => {
        const all = await numbers();
        if (all.size < count) throw new Error(`${all.size} of ${count}`);
        return all;
      },
      180_000,
      1_000,
    );
    expect(found.size).toBe(count);
    report.push(`logs: ${count} lines written over a restart of collector and Loki, ${found.size} found`);
    await kubectl(['-n', namespace, 'delete', 'pod', `${name}-counter`, '--wait=false', '--grace-period=1']);
  });

  async function numbers(): Promise<Set<string>> {
    const end = Math.floor(Date.now() / 1000) + 1;
    const found = await loki.range(`{namespace="${namespace}",component="counter"}`, { start: end - 600, end });
    return new Set(found.flatMap(({ values }) => values.map(([, line]) => line)));
  }

  it('[EE24] a healthy pod writes at most five lines a minute', async () => {
    // The first minute of a pod tells of its start.
    await delay(75_000);
    const counted = await loki.instant(
      `sum by (component, pod) (count_over_time({namespace="${namespace}",component!="counter"}[1m]))`,
    );
    for (const { labels, values } of counted) {
      const found = Number(values[0]?.[1]);
      report.push(`lines a minute: ${labels['pod']} ${found}`);
      expect({ pod: labels['pod'], quiet: found <= 5 }).toEqual({ pod: labels['pod'], quiet: true });
    }
  });
});

describe('metrics', () => {
  it('[EE25] a pod has at most 500 series', async () => {
    const counted = await prometheus.instant(`sum by (component, pod) (scrape_samples_post_metric_relabeling)`);
    const rows = counted.filter(({ labels }) => services.includes(labels['component'] ?? ''));
    expect(rows.length).toBeGreaterThanOrEqual(services.length);
    for (const { labels, values } of counted) {
      const series = Number(values[0]?.[1]);
      report.push(`series: ${labels['component']} ${series}`);
      if (labels['component'] !== 'prometheus' && labels['component'] !== 'loki')
        expect(series).toBeLessThanOrEqual(500);
    }
  });
});

describe('faults', () => {
  const here = (alert: string, labels: Readonly<Record<string, string>> = {}): Expected => ({
    alert,
    labels,
    from: prometheus,
  });
  const aboutOperator = (alert: string): Expected => {
    if (!outside) throw new Error('no Prometheus');
    return { alert, from: outside };
  };

  it('[EE26] no mail server, a full volume and a broken rollout are told', async () => {
    const [postgres] = await list(namespace, 'pods', `${instance},app.kubernetes.io/name=postgres`);
    const [pid] = processesOf(postgres?.metadata.uid ?? 'none', 'postgres');
    const filler = `/proc/${pid}/root/data/filler`;
    const { bsize, blocks, bavail } = statfsSync(`/proc/${pid}/root/data`);
    const expected = [
      here('CollabMailFailing'),
      here('CollabVolumeNearlyFull', { severity: 'warning' }),
      aboutOperator('CollabEnvironmentDegraded'),
    ];
    const start = performance.now();
    await mailbox?.[Symbol.asyncDispose]();
    execFileSync('fallocate', ['-l', `${Math.round((bavail - blocks * 0.1) * bsize)}`, filler]);
    await applySpec(spec({ images: { user: 'localhost/collabeditor/none:1' } }));
    await alerts.fires('no SMTP, full volume, broken rollout', start, expected);

    const repaired = performance.now();
    rmSync(filler);
    await applySpec(spec());
    mailbox = await Mailbox.listen(new URL(baseUrl).hostname, mailPort);
    await alerts.resolves('no SMTP, full volume, broken rollout', repaired, expected);
    await ready();
  });

  it('[EE27] a stopped broker, a service without pods and a stopped operator are told', async () => {
    const expected = [
      here('CollabStoreDown', { store: 'rabbitmq' }),
      here('CollabOutboxStuck', { component: 'document-service' }),
      here('CollabServiceDown', { component: 'notification-service' }),
      aboutOperator('CollabOperatorDown'),
    ];
    const operator = 'collabeditor-system';
    await applySpec(spec({ paused: true }));
    await until(
      'the operator to pause',
      async () =>
        (await status()).conditions?.some(({ type, status: value }) => type === 'Paused' && value === 'True') ||
        undefined,
    );
    const start = performance.now();
    await scale('deployment/collabeditor-operator', 0, operator);
    await scale(`statefulset/${name}-rabbitmq`, 0);
    await scale(`deployment/${name}-notification-service`, 0);
    await alerts.fires('RabbitMQ, notification service and operator stopped', start, expected);

    const repaired = performance.now();
    await scale('deployment/collabeditor-operator', 1, operator);
    await scale(`statefulset/${name}-rabbitmq`, 1);
    await scale(`deployment/${name}-notification-service`, 1);
    await applySpec(spec());
    await alerts.resolves('RabbitMQ, notification service and operator stopped', repaired, expected);
    await ready();
  });

  it('[EE28] a stopped PostgreSQL is told, as what users feel', async () => {
    const expected = [
      here('CollabStoreDown', { store: 'postgres', severity: 'critical' }),
      here('CollabEditsFailingOrSlow', { severity: 'critical' }),
      here('CollabRestErrors', { severity: 'critical' }),
      aboutOperator('CollabEnvironmentNotReady'),
    ];
    await applySpec(spec({ paused: true }));
    await until(
      'the operator to pause',
      async () =>
        (await status()).conditions?.some(({ type, status: value }) => type === 'Paused' && value === 'True') ||
        undefined,
    );
    const start = performance.now();
    await scale(`statefulset/${name}-postgres`, 0);
    await alerts.fires('PostgreSQL stopped', start, expected.slice(0, 3));
    const repaired = performance.now();
    await scale(`statefulset/${name}-postgres`, 1);
    await applySpec(spec());
    await alerts.resolves('PostgreSQL stopped', repaired, expected.slice(0, 3));
    await ready();
  });
});

describe('what was seen', () => {
  it('[EE31] a certificate that ends in two days is told', async () => {
    if (!outside) throw new Error('no Prometheus');
    const labels = { environment: certified, severity: 'critical' };
    await alerts.fires('certificate of two days', since, [
      { alert: 'CollabCertificateExpiring', labels, from: outside },
    ]);
  });

  it('[EE29] every query of every dashboard has rows', async () => {
    if (!outside) throw new Error('no Prometheus');
    const answers = await askAll({ prometheus, operator: outside, loki }, { namespace, environment: name });
    report.push(...tableOf(answers));
    const empty = answers.filter(({ rows }) => rows === 0).map(describeQuery);
    expect(empty).toEqual([]);
  });

  it('[EE30] no line, label or dashboard holds a secret or a text', async () => {
    const secrets = await Promise.all(
      (await list(namespace, 'secrets', instance)).map(({ metadata }) => secret(namespace, metadata.name)),
    );
    const values = secrets
      .flatMap((one) => Object.entries(one))
      .filter(([key]) => !key.endsWith('user'))
      .map(([, value]) => value)
      .filter((value) => value.length >= 16);
    const needles = [...values, ...Object.values(canaries), ann.token];
    const end = Math.floor(Date.now() / 1000) + 1;
    const everything = await loki.range(`{namespace="${namespace}"}`, { start: end - 3000, end });
    expect(lines(everything)).toBeGreaterThan(100);
    const seen = JSON.stringify(everything);
    const series = JSON.stringify(await prometheus.instant('{__name__!=""}'));
    const configMaps = JSON.stringify(await list(namespace, 'configmaps', instance));
    const found = needles.filter((needle) => [seen, series, configMaps].some((text) => text.includes(needle)));
    expect(found.map((needle) => needle.slice(0, 6))).toEqual([]);
    report.push(`canaries: ${needles.length} looked for in ${lines(everything)} lines and all series`);
  });
});

function describeQuery({ query, error }: Answered): string {
  return `${query.dashboard} / ${query.title}: ${JSON.stringify(query.ask)}${error === undefined ? '' : ` ${error}`}`;
}
