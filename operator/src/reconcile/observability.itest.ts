import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { environment, startCluster, until, type Seen, type TestCluster } from '../../test/cluster.ts';
import { installKinds } from '../../test/foreign-kinds.ts';
import { contentStores, startOperator, type TestOperator } from '../../test/operator.ts';
import { play } from '../../test/play.ts';
import { allManaged } from '../../test/sample.ts';
import { KubeClient } from '../kube/client.ts';
import { Credentials, readKubeconfig } from '../kube/credentials.ts';
import { at, listAt, textAt } from '../kube/json.ts';
import type { KubeObject, ResourceType } from '../kube/types.ts';
import { childKinds } from '../resources/index.ts';
import { COLLAB_EDITOR, SECRET } from './cluster.ts';
import { decodeSecret } from './secrets.ts';

let cluster: TestCluster;
const stops: AbortController[] = [];
const operators: TestOperator[] = [];
const clients: KubeClient[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  await installOwnRights();
}, 120_000);

afterEach(async () => {
  for (const operator of operators.splice(0)) await operator[Symbol.asyncDispose]();
  for (const stop of stops.splice(0)) stop.abort();
});

afterAll(async () => {
  for (const client of clients) await client.close();
  await cluster[Symbol.asyncDispose]();
});

describe('observability', () => {
  it('[OC38] comes and goes with the spec, by the rights that config/rbac gives', async () => {
    const { namespace } = await given(allManaged);
    const ready = await monitoringIs(namespace, 'True');
    expect(ready).toContain('Prometheus team-prometheus');
    const names = await telemetryNames(namespace);
    for (const name of [
      'Role/team-prometheus',
      'RoleBinding/team-prometheus',
      'StatefulSet/team-prometheus',
      'StatefulSet/team-loki',
      'Deployment/team-grafana',
      'Secret/team-grafana',
      'ConfigMap/team-dashboards',
    ])
      expect(names).toContain(name);
    const secret = decodeSecret(await cluster.client.get(SECRET, { namespace, name: 'team-grafana' }));
    expect(secret).toEqual({ 'admin-user': 'admin', 'admin-password': expect.stringMatching(/^[A-Za-z0-9]{32}$/) });

    const none = { metrics: { type: 'None' }, logs: 'None', dashboards: 'None' };
    await patchSpec(namespace, { observability: none });
    await until('all of it is gone', async () => (await telemetryNames(namespace)).length === 0, 40);
    await monitoringIs(namespace, 'True');

    await patchSpec(namespace, allManaged);
    await monitoringIs(namespace, 'True', 'Prometheus team-prometheus');
    expect(await telemetryNames(namespace)).toEqual(names);
    expect(decodeSecret(await cluster.client.get(SECRET, { namespace, name: 'team-grafana' }))).toEqual(secret);
  }, 90_000);

  it('[OC3, OC38] makes no request when nothing has changed, with everything Managed', async () => {
    const { namespace, operator } = await given(allManaged);
    await monitoringIs(namespace, 'True');
    await settled(operator);
    const before = requests(operator.seen).length;
    const turns = await operator.turns();
    await cluster.client.patch(COLLAB_EDITOR, { namespace, name: 'team' }, { metadata: { annotations: { a: 'b' } } });
    await until('another reconcile', async () => (await operator.turns()) > turns);
    await settled(operator);
    expect(requests(operator.seen).slice(before)).toEqual([]);
  });

  it('[OC38] comes before what may fail', async () => {
    const away = { state: 'failed', problem: { reason: 'Unreachable', message: 'PostgreSQL is away.' } } as const;
    const { namespace } = await given(allManaged, contentStores({ database: async () => away }));
    await monitoringIs(namespace, 'True');
    const resource = await cluster.client.get(COLLAB_EDITOR, { namespace, name: 'team' });
    expect(conditionOf(resource, 'DatabaseReady')).toMatchObject({ status: 'False', reason: 'Unreachable' });
  });

  it('[OC38] says which object is refused, and keeps nobody from editing', async () => {
    const namespace = await cluster.namespace('observe');
    await cluster.client.create(kindOf('Service'), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 'team-loki' },
      spec: { ports: [{ port: 1 }] },
    });
    await given({ observability: { logs: 'Managed' } }, contentStores(), namespace);
    const resource = await until('it is ready', async () => {
      const live = await cluster.client.get(COLLAB_EDITOR, { namespace, name: 'team' });
      return conditionOf(live, 'Ready')?.status === 'True' ? live : undefined;
    });
    expect(conditionOf(resource, 'Degraded')).toMatchObject({ status: 'True', reason: 'NameConflict' });
  });

  it('[OC38] uses the kinds of other operators where they are installed', async () => {
    for (const group of ['monitoring.coreos.com', 'grafana.integreatly.org']) await installKinds(cluster, group);
    const { namespace } = await given({});
    expect(await monitoringIs(namespace, 'True', 'PodMonitor')).toBe('PodMonitor team-metrics selects the pods.');
    expect((await telemetryNames(namespace)).filter((name) => /Monitor|Rule|^Grafana/.test(name))).toEqual([
      'GrafanaDashboard/team-dashboard-events',
      'GrafanaDashboard/team-dashboard-operator',
      'GrafanaDashboard/team-dashboard-overview',
      'GrafanaDashboard/team-dashboard-realtime',
      'GrafanaDashboard/team-dashboard-stores',
      'PodMonitor/team-metrics',
      'PrometheusRule/team-alerts',
    ]);
    await patchSpec(namespace, { observability: { ...allManaged.observability, dashboards: 'None' } });
    await monitoringIs(namespace, 'True', 'Loki');
    await until('the PodMonitor is gone', async () => {
      const names = await telemetryNames(namespace);
      return !names.includes('PodMonitor/team-metrics') && names.includes('GrafanaDatasource/team-loki');
    });
  });
});

/** The ClusterRole of config/rbac for an account of the test's. */
async function installOwnRights(): Promise<void> {
  const folder = 'config/rbac';
  const read = (file: string) => parseAllDocuments(readFileSync(`${folder}/${file}`, 'utf8'))[0]?.toJS() as KubeObject;
  const types = ['ClusterRole', 'ClusterRoleBinding'].map((kind): ResourceType => {
    const plural = `${kind.toLowerCase()}s`;
    return { apiVersion: 'rbac.authorization.k8s.io/v1', kind, plural, namespaced: false };
  });
  const [role, binding] = types;
  if (role === undefined || binding === undefined) throw new Error('unreachable');
  const namespace = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };
  const name = 'collabeditor-system';
  await cluster.client.create(namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await cluster.client.create(kindOf('ServiceAccount'), {
    ...read('service_account.yaml'),
    metadata: { name: 'collabeditor-operator', namespace: name },
  });
  await cluster.client.create(role, read('cluster_role.yaml'));
  await cluster.client.create(binding, read('cluster_role_binding.yaml'));
}

/** A client with no more rights than the operator has. */
async function ownClient(seen: Seen[]): Promise<KubeClient> {
  const file = await cluster.kubeconfigOf({ namespace: 'collabeditor-system', name: 'collabeditor-operator' });
  const client = new KubeClient({
    credentials: new Credentials(readKubeconfig(file)),
    userAgent: 'test',
    fieldManager: 'collabeditor-operator',
    observe: (request) => seen.push(request),
  });
  clients.push(client);
  return client;
}

async function given(
  spec: Record<string, unknown>,
  stores = contentStores(),
  existing?: string,
): Promise<{ namespace: string; operator: TestOperator }> {
  const namespace = existing ?? (await cluster.namespace('observe'));
  const stop = new AbortController();
  stops.push(stop);
  play(cluster.client, namespace, stop.signal);
  const seen: Seen[] = [];
  const client = await ownClient(seen);
  const operator = await startOperator({ clientFor: () => ({ client, seen }) }, namespace, stores);
  operators.push(operator);
  await cluster.client.create(COLLAB_EDITOR, environment(namespace, 'team', spec));
  return { namespace, operator };
}

async function monitoringIs(namespace: string, status: string, part = ''): Promise<string> {
  return until(`MonitoringReady is ${status}`, async () => {
    const live = await cluster.client.get(COLLAB_EDITOR, { namespace, name: 'team' });
    const condition = conditionOf(live, 'MonitoringReady');
    const current = at(live, 'status', 'observedGeneration') === live.metadata.generation;
    return current && condition?.status === status && condition.message.includes(part) ? condition.message : undefined;
  });
}

function conditionOf(resource: KubeObject, type: string) {
  const found = listAt(resource, 'status', 'conditions').find((one) => textAt(one, 'type') === type);
  if (found === undefined) return undefined;
  const text = (name: string) => textAt(found, name) ?? '';
  return { status: text('status'), reason: text('reason'), message: text('message') };
}

/** Every child that is about telemetry. */
async function telemetryNames(namespace: string): Promise<string[]> {
  const about =
    'app.kubernetes.io/managed-by=collabeditor-operator,app.kubernetes.io/component=monitoring,app.kubernetes.io/instance=team';
  const served = await Promise.all(
    childKinds.map(async (type) =>
      (await cluster.client.discover(type.apiVersion)).some(({ plural }) => plural === type.plural) ? [type] : [],
    ),
  );
  const lists = await Promise.all(
    served.flat().map((type) => cluster.client.list(type, { namespace, labelSelector: about })),
  );
  return lists
    .flatMap(({ items }) => items)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    .toSorted();
}

async function patchSpec(namespace: string, spec: Record<string, unknown>): Promise<void> {
  await cluster.client.patch(COLLAB_EDITOR, { namespace, name: 'team' }, { spec });
}

/** Waits until the operator has had nothing to do for a while. */
async function settled(operator: TestOperator): Promise<void> {
  let last = -1;
  let since = Date.now();
  await until('the operator settles', async () => {
    const now = (await operator.turns()) + operator.seen.length;
    if (now !== last) [last, since] = [now, Date.now()];
    return Date.now() - since > 500;
  });
}

/** Requests but watches. */
function requests(seen: readonly Seen[]): Seen[] {
  return seen.filter(({ path }) => !path.includes('watch=true'));
}

function kindOf(kind: string): ResourceType {
  const found = childKinds.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no child is a ${kind}`);
  return found;
}
