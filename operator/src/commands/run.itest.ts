import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { environment, startCluster, until, type TestCluster } from '../../test/cluster.ts';
import { readKubeconfig } from '../kube/credentials.ts';
import { at, listAt, textAt } from '../kube/json.ts';
import { COLLAB_EDITOR, SECRET } from '../reconcile/cluster.ts';
import { childKinds } from '../resources/index.ts';
import { runCommandLine } from './command-line.ts';

let cluster: TestCluster;
let kubeconfig: string | undefined;

beforeAll(async () => {
  cluster = await startCluster();
  kubeconfig = process.env['KUBECONFIG'];
  process.env['KUBECONFIG'] = cluster.kubeconfigPath;
}, 120_000);

afterAll(async () => {
  if (kubeconfig === undefined) Reflect.deleteProperty(process.env, 'KUBECONFIG');
  else process.env['KUBECONFIG'] = kubeconfig;
  await cluster[Symbol.asyncDispose]();
});

/** A certificate: the one that the API server's is signed with. */
function certificate(): string {
  const { caData, caFile } = readKubeconfig(cluster.kubeconfigPath).getCurrentCluster() ?? {};
  return caFile === undefined ? Buffer.from(caData ?? '', 'base64').toString() : readFileSync(caFile, 'utf8');
}

/** A command under way. */
function begin(args: string[]) {
  const written = { out: '', err: '' };
  const stop = new AbortController();
  const done = runCommandLine(args, {
    env: { POD_NAME: 'test' },
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    readInput: async () => '',
    signal: stop.signal,
  });
  return { written, stop: () => stop.abort(), done };
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

describe('run', () => {
  it('[OC34, OC36, OC37] works, tells its metrics and health, and ends with 0 when asked to', async () => {
    const namespace = await cluster.namespace('run');
    const [metrics, health] = [await freePort(), await freePort()];
    const pem = certificate();
    await cluster.client.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name: 'cert' },
      stringData: { 'tls.crt': pem, 'tls.key': 'x' },
    });
    await cluster.client.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name: 'broken' },
      stringData: { 'tls.crt': 'x', 'tls.key': 'x' },
    });
    const operator = begin([
      'run',
      '--leader-elect',
      '--namespace',
      namespace,
      '--metrics-address',
      `127.0.0.1:${metrics}`,
      '--health-address',
      `127.0.0.1:${health}`,
    ]);
    await until(
      'it is ready',
      async () => (await fetch(`http://127.0.0.1:${health}/readyz`).catch(() => undefined))?.ok,
    );
    expect((await fetch(`http://127.0.0.1:${health}/healthz`)).status).toBe(200);
    const withCertificate = (host: string, tlsSecretName: string) => ({
      exposure: { host, ingress: { tlsSecretName } },
    });
    await cluster.client.create(COLLAB_EDITOR, environment(namespace, 'team', withCertificate('a.example', 'cert')));
    await cluster.client.create(COLLAB_EDITOR, environment(namespace, 'other', withCertificate('b.example', 'broken')));
    await until('it has a status', async () => {
      const live = await cluster.client.get(COLLAB_EDITOR, { namespace, name: 'team' });
      return listAt(live, 'status', 'conditions').some((one) => textAt(one, 'reason') === 'Starting');
    });
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    for (const name of [
      'controller_runtime_reconcile_total{',
      'controller_runtime_active_workers{',
      'workqueue_depth{',
      'workqueue_queue_duration_seconds_bucket{',
      'rest_client_requests_total{',
      'process_resident_memory_bytes',
    ]) {
      expect(text).toContain(name);
    }
    expect(text).toContain(
      `collabeditor_condition{namespace="${namespace}",name="team",type="Ready",status="False"} 1`,
    );
    expect(text).toContain('leader_election_master_status{name="collabeditor-operator"} 1');
    const expiry = new X509Certificate(pem).validToDate.getTime() / 1000;
    const line = `collabeditor_certificate_expiry_timestamp_seconds{namespace="${namespace}",name="team",secret="cert"} ${expiry}`;
    expect(text.split('\n').filter((one) => one.startsWith('collabeditor_certificate_'))).toEqual([line]);
    const other = await until('the other has a status', async () => {
      const live = await cluster.client.get(COLLAB_EDITOR, { namespace, name: 'other' });
      return listAt(live, 'status', 'conditions').find((one) => textAt(one, 'type') === 'Exposed');
    });
    expect(other).toMatchObject({ reason: 'CertificateInvalid', message: expect.stringContaining('Secret broken') });
    operator.stop();
    expect(await operator.done).toBe(0);
    const lines = operator.written.out
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines[0]).toMatchObject({
      level: 'info',
      service: 'operator',
      event: 'operator_started',
      msg: 'The operator starts',
    });
    for (const line of lines) expect(line).toMatchObject({ event: expect.stringMatching(/^[a-z][a-z_]*$/) });
    const lease = await cluster.client.get(
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases', namespaced: true },
      { namespace: 'default', name: 'collabeditor-operator' },
    );
    expect(at(lease, 'spec', 'holderIdentity')).toBe('');
  });

  it('[OC31] is 78 without a cluster to connect to', async () => {
    process.env['KUBECONFIG'] = '/dev/null/none';
    const { done, written } = begin(['run']);
    expect(await done).toBe(78);
    expect(written.err).toContain('kubeconfig');
    process.env['KUBECONFIG'] = cluster.kubeconfigPath;
  });
});

describe('plan', () => {
  it('[OC33] tells the differences by exit code 2 and writes nothing', async () => {
    const namespace = await cluster.namespace('plan');
    await cluster.client.create(
      COLLAB_EDITOR,
      environment(namespace, 'team', { exposure: { host: 'plan.example.com' } }),
    );
    const first = begin(['plan', 'team', '--namespace', namespace]);
    expect(await first.done).toBe(2);
    expect(first.written.out).toContain('+ Deployment team-user-service');
    const secrets = childKinds.filter(({ kind }) => kind === 'Secret' || kind === 'Deployment');
    for (const type of secrets) expect((await cluster.client.list(type, { namespace })).items).toEqual([]);
    const missing = begin(['plan', 'nobody', '--namespace', namespace]);
    expect(await missing.done).toBe(1);
    expect(missing.written.err).toContain('does not exist');
  });

  it('[OC33] names the fields that differ, and none after a reconcile', async () => {
    const namespace = await cluster.namespace('plan');
    const operator = begin([
      'run',
      '--namespace',
      namespace,
      '--metrics-address',
      `127.0.0.1:${await freePort()}`,
      '--health-address',
      `127.0.0.1:${await freePort()}`,
    ]);
    await cluster.client.create(
      COLLAB_EDITOR,
      environment(namespace, 'team', { exposure: { host: 'fields.example.com' } }),
    );
    await until(
      'it has come to the stores',
      async () => (await cluster.client.find(STATEFUL_SET, { namespace, name: 'team-rabbitmq' })) !== undefined,
    );
    operator.stop();
    expect(await operator.done).toBe(0);
    const plan = () => {
      const planned = begin(['plan', 'team', '-n', namespace]);
      return planned.done.then(() => planned.written.out.split('\n').filter((line) => line.startsWith('~')));
    };
    expect(await plan()).toEqual([]);
    await cluster.client.patch(STATEFUL_SET, { namespace, name: 'team-rabbitmq' }, { spec: { replicas: 2 } });
    expect(await plan()).toEqual(['~ StatefulSet team-rabbitmq: spec.replicas: 2 → 1']);
  });
});

const STATEFUL_SET = { apiVersion: 'apps/v1', kind: 'StatefulSet', plural: 'statefulsets', namespaced: true };
