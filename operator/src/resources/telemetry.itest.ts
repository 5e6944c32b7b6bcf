import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { build } from '../../../test/cluster/src/build.ts';
import { freePort, startProgram, type Program } from '../../../test/harness/programs.ts';
import { startCluster, until, type TestCluster } from '../../test/cluster.ts';
import { allManaged, release, sample } from '../../test/sample.ts';
import { at, listAt, textAt } from '../kube/json.ts';
import type { ResourceType } from '../kube/types.ts';
import { childKinds, desired, manifests } from './index.ts';
import { noFacts, type Manifest } from './types.ts';

const POD: ResourceType = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

const folder = mkdtempSync(join(tmpdir(), 'collabeditor-telemetry-'));
const running: Program[] = [];
let programs: Record<'prometheus' | 'promtool' | 'loki', string>;

beforeAll(async () => {
  const folders = await build(['prometheus', 'loki'], { quiet: true });
  const program = (part: string, name: string) => join(folders.get(part) ?? '', name);
  programs = {
    prometheus: program('prometheus', 'prometheus'),
    promtool: program('prometheus', 'promtool'),
    loki: program('loki', 'loki'),
  };
}, 600_000);

afterAll(async () => {
  for (const program of running) await program.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('Prometheus', () => {
  let cluster: TestCluster;
  let namespace: string;
  let server: Server;
  let prometheus: number;

  beforeAll(async () => {
    cluster = await startCluster();
    namespace = await cluster.namespace('metrics');
    const elsewhere = await cluster.namespace('elsewhere');
    for (const space of [namespace, elsewhere]) await account(cluster, space);
    server = await pretendedPods();
    const { port } = server.address() as AddressInfo;
    const telemetry = [{ name: 'telemetry', containerPort: port }];
    await pod(cluster, namespace, 'user-service', telemetry);
    await pod(cluster, namespace, 'loki', telemetry);
    await pod(cluster, namespace, 'rabbitmq', [
      { name: 'amqp', containerPort: 1 },
      { name: 'prometheus', containerPort: port },
    ]);
    await pod(cluster, namespace, 'postgres', [{ name: 'postgres', containerPort: 1 }]);
    await pod(cluster, namespace, 'user-service', telemetry, 'other');
    await pod(cluster, elsewhere, 'user-service', telemetry);
    const kubeconfig = await cluster.kubeconfigOf({ namespace, name: 'team-prometheus' });
    prometheus = await startPrometheus(children(namespace), kubeconfig);
  }, 120_000);

  afterAll(async () => {
    server.close();
    await cluster[Symbol.asyncDispose]();
  });

  it('[OR27] finds the pods of its environment by its own rights and labels them', async () => {
    const up = await until('all are scraped', async () => {
      const found = await query(prometheus, 'up == 1');
      return found.length >= 4 ? found : undefined;
    });
    const targets = up.map(({ labels }) =>
      ['job', 'namespace', 'environment', 'component', 'pod'].map((name) => labels[name]).join(' '),
    );
    expect(targets.toSorted()).toEqual([
      `queues ${namespace} team rabbitmq team-rabbitmq-0`,
      `rabbitmq ${namespace} team rabbitmq team-rabbitmq-0`,
      `services ${namespace} team user-service team-user-service-0`,
      `telemetry ${namespace} team loki team-loki-0`,
    ]);
  });

  it('[OR27] keeps all of the services and of the others what is asked for', async () => {
    const names = await until('the series are there', async () => {
      const series = await query(prometheus, '{environment="team", __name__!~"up|scrape_.*|collab:.*|ALERTS.*"}');
      const found = series.map(({ labels }) => `${labels['component'] ?? ''} ${labels['__name__'] ?? ''}`);
      return found.length >= 5 ? new Set(found) : undefined;
    });
    expect([...names].toSorted()).toEqual([
      'loki process_cpu_seconds_total',
      'rabbitmq rabbitmq_connections',
      'rabbitmq rabbitmq_detailed_queue_messages',
      'user-service anything',
      'user-service process_cpu_seconds_total',
      'user-service rabbitmq_connections',
      'user-service rabbitmq_detailed_queue_messages',
      'user-service rabbitmq_erlang_gc_runs_total',
    ]);
    const queues = await query(prometheus, 'rabbitmq_detailed_queue_messages{component="rabbitmq"}');
    expect(queues.map(({ labels }) => labels['queue'])).toEqual(['notifications']);
  });

  it('[OR32] takes its configuration and its rules', async () => {
    const body = await answer(prometheus, '/api/v1/rules');
    const groups = listAt(body, 'data', 'groups').map((group) => textAt(group, 'name'));
    expect(groups).toEqual(['collab-environment', 'collab-objectives']);
    const wrong = listAt(body, 'data', 'groups')
      .flatMap((group) => listAt(group, 'rules'))
      .filter((rule) => textAt(rule, 'health') === 'err');
    expect(wrong).toEqual([]);
    const alertmanagers = await answer(prometheus, '/api/v1/alertmanagers');
    expect(listAt(alertmanagers, 'data', 'activeAlertmanagers').map((one) => textAt(one, 'url'))).toEqual([
      'http://alerts.example:9093/below/api/v2/alerts',
    ]);
  });
});

describe('Loki', () => {
  it('[OR28, OR32] takes its configuration, and indexes where a line came from', async () => {
    const port = await startLoki();
    const nanoseconds = `${Date.now()}000000`;
    const pushed = await fetch(`http://127.0.0.1:${port}/otlp/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(line(nanoseconds)),
    });
    expect([pushed.status, await pushed.text()]).toEqual([204, '']);
    const search = new URLSearchParams({ query: '{namespace="space", component="redis"} | level="warn"' });
    const found = await until('the line is there', async () => {
      const results = listAt(await answer(port, `/loki/api/v1/query_range?${search.toString()}`), 'data', 'result');
      return results.length > 0 ? results : undefined;
    });
    expect(found).toMatchObject([
      { stream: { instance: 'team', pod: 'team-redis-0', traceId: 'abc' }, values: [[nanoseconds, 'said']] },
    ]);
    const labels = await answer(port, '/loki/api/v1/labels');
    expect(listAt(labels, 'data').map(String).toSorted()).toEqual(['component', 'instance', 'namespace', 'pod']);
    const config = await (await fetch(`http://127.0.0.1:${port}/config`)).text();
    expect(config).toMatch(/retention_period: 2d/);
  }, 60_000);
});

function children(namespace: string): Manifest[] {
  const metrics = { type: 'Managed', alertmanagerURL: 'http://alerts.example:9093/below' };
  const spec = { observability: { ...allManaged.observability, metrics, retention: { logs: '48h' } } };
  // Without a uid nothing is owned, and the garbage collector leaves it alone.
  const resource = { ...sample(spec), metadata: { name: 'team', namespace } };
  return manifests(desired({ resource, release, facts: noFacts }));
}

function file(all: readonly Manifest[], configMap: string, name: string): string {
  const found = all.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMap);
  const text = textAt(found, 'data', name);
  if (text === undefined) throw new Error(`ConfigMap ${configMap} has no ${name}`);
  return text;
}

/** What lets Prometheus look for pods, as the operator would make it. */
async function account(cluster: TestCluster, namespace: string): Promise<void> {
  const kinds = ['ServiceAccount', 'Role', 'RoleBinding'];
  const wanted = children(namespace).filter(
    ({ kind, metadata }) => kinds.includes(kind) && metadata.name === 'team-prometheus',
  );
  expect(wanted.map(({ kind }) => kind)).toEqual(kinds);
  for (const manifest of wanted) {
    const type = childKinds.find(({ kind }) => kind === manifest.kind);
    if (type !== undefined) await cluster.client.apply(type, manifest);
  }
}

async function pod(
  cluster: TestCluster,
  namespace: string,
  component: string,
  ports: { name: string; containerPort: number }[],
  instance = 'team',
): Promise<void> {
  const name = `${instance}-${component}-0`;
  const labels = {
    'app.kubernetes.io/name': component,
    'app.kubernetes.io/instance': instance,
    'app.kubernetes.io/part-of': 'collabeditor',
    'app.kubernetes.io/managed-by': 'collabeditor-operator',
  };
  await cluster.client.create(POD, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels },
    spec: {
      serviceAccountName: 'team-prometheus',
      automountServiceAccountToken: false,
      containers: [{ name: 'main', image: 'none', ports }],
    },
  });
  const status = { phase: 'Running', podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] };
  await cluster.client.patch(POD, { namespace, name }, { status }, 'status');
}

/** All pods behind one port: some metrics of each kind. */
async function pretendedPods(): Promise<Server> {
  const text = [
    'process_cpu_seconds_total 1',
    'rabbitmq_connections 1',
    'rabbitmq_erlang_gc_runs_total 1',
    'rabbitmq_detailed_queue_messages{queue="notifications"} 1',
    'rabbitmq_detailed_queue_messages{queue="realtime.abc"} 1',
    'anything 1',
    '',
  ].join('\n');
  const server = createServer((request, response) => {
    const known = ['/metrics', '/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count'];
    if (!known.includes(request.url ?? '')) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** The program with the files of its ConfigMap; only places, times and the API server are the test's. */
async function startPrometheus(all: readonly Manifest[], kubeconfig: string): Promise<number> {
  const home = join(folder, 'prometheus');
  mkdirSync(home);
  writeFileSync(join(home, 'rules.yml'), file(all, 'team-prometheus', 'rules.yml'));
  const config = parse(file(all, 'team-prometheus', 'prometheus.yml')) as {
    global: Record<string, unknown>;
    scrape_configs: { kubernetes_sd_configs: object[] }[];
  };
  const scrapes = config.scrape_configs.map((scrape) => ({
    ...scrape,
    kubernetes_sd_configs: scrape.kubernetes_sd_configs.map((one) => ({ ...one, kubeconfig_file: kubeconfig })),
  }));
  const here = { ...config, rule_files: [join(home, 'rules.yml')], scrape_configs: scrapes };
  writeFileSync(join(home, 'prometheus.yml'), stringify(here));
  execFileSync(programs.promtool, ['check', 'config', '--lint=all', '--lint-fatal', join(home, 'prometheus.yml')]);
  const quick = { ...config.global, scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
  writeFileSync(join(home, 'prometheus.yml'), stringify({ ...here, global: quick }));
  const port = await freePort();
  const program = startProgram({
    name: 'prometheus',
    command: programs.prometheus,
    args: [
      ...commandOf(all, 'team-prometheus')
        .slice(1)
        .map((flag) => flag.replace('=/etc/prometheus', `=${home}`).replace('=/prometheus', `=${home}/data`)),
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    logFile: join(home, 'log'),
    stopSignal: 'SIGTERM',
  });
  running.push(program);
  await program.waitUntil(() => isOk(port, '/-/ready'), 30_000);
  return port;
}

async function startLoki(): Promise<number> {
  const all = children('space');
  const home = join(folder, 'loki');
  mkdirSync(home);
  const port = await freePort();
  const config = parse(file(all, 'team-loki', 'loki.yaml').replaceAll(' /loki', ` ${home}`)) as { server: object };
  const listen = { http_listen_address: '127.0.0.1', http_listen_port: port, grpc_listen_port: await freePort() };
  const settings = { ...config, server: { ...config.server, ...listen } };
  writeFileSync(join(home, 'loki.yaml'), stringify(settings));
  const command = commandOf(all, 'team-loki').map((part) => part.replace('=/etc/loki', `=${home}`));
  execFileSync(programs.loki, ['-verify-config', ...command.slice(1)]);
  const program = startProgram({
    name: 'loki',
    command: programs.loki,
    args: command.slice(1),
    logFile: join(home, 'log'),
    stopSignal: 'SIGTERM',
  });
  running.push(program);
  await program.waitUntil(() => isOk(port, '/ready'), 60_000);
  expect(readdirSync(home)).toEqual(expect.arrayContaining(['chunks', 'compactor', 'wal']));
  return port;
}

function commandOf(all: readonly Manifest[], name: string): string[] {
  const set = all.find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === name);
  return listAt(listAt(set, 'spec', 'template', 'spec', 'containers')[0], 'command').map(String);
}

/** A line as the log collector sends it. */
function line(timeUnixNano: string): unknown {
  const attributes = (values: Record<string, string>) =>
    Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const resource = { namespace: 'space', instance: 'team', component: 'redis', pod: 'team-redis-0' };
  const record = {
    timeUnixNano,
    body: { stringValue: 'said' },
    attributes: attributes({ level: 'warn', traceId: 'abc', container: 'redis' }),
  };
  return {
    resourceLogs: [{ resource: { attributes: attributes(resource) }, scopeLogs: [{ logRecords: [record] }] }],
  };
}

async function query(port: number, expression: string): Promise<{ labels: Record<string, string> }[]> {
  const body = await answer(port, `/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`);
  return listAt(body, 'data', 'result').map((one) => ({ labels: at(one, 'metric') as Record<string, string> }));
}

async function answer(port: number, path: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function isOk(port: number, path: string): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
  await response?.text();
  return response?.ok === true;
}
