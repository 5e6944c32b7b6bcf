import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { environment, startCluster, until, type TestCluster } from '../../test/cluster.ts';
import { contentStores, startOperator, type TestOperator } from '../../test/operator.ts';
import { play } from '../../test/play.ts';
import { childKinds } from '../resources/index.ts';
import { at, listAt, textAt } from '../kube/json.ts';
import type { KubeObject, ResourceType } from '../kube/types.ts';
import { COLLAB_EDITOR, SECRET } from './cluster.ts';
import { decodeSecret } from './secrets.ts';
import type { Stores } from './stores/ports.ts';

const DEPLOYMENT = kindOf('Deployment');
const SERVICE = kindOf('Service');
const STATEFUL_SET = kindOf('StatefulSet');

let cluster: TestCluster;
const stops: AbortController[] = [];
const operators: TestOperator[] = [];

beforeAll(async () => {
  cluster = await startCluster();
}, 120_000);

afterEach(async () => {
  for (const operator of operators.splice(0)) await operator[Symbol.asyncDispose]();
  for (const stop of stops.splice(0)) stop.abort();
});

afterAll(async () => cluster[Symbol.asyncDispose]());

describe('the rollout', () => {
  it('[OC1, OC2] goes from an empty spec to Ready, each stage told by its condition', async () => {
    const { namespace } = await given({}, { name: 'team' });
    const ready = await conditionIs(namespace, 'team', 'Ready', 'True');
    expect(conditionsOf(ready)).toMatchObject({
      SecretsReady: 'True',
      DatabaseReady: 'True',
      CacheReady: 'True',
      BrokerReady: 'True',
      TopologyReady: 'True',
      Migrated: 'True',
      ServicesAvailable: 'True',
      Exposed: 'True',
      Degraded: 'False',
      Paused: 'False',
    });
    expect(textAt(ready, 'status', 'servicesReady')).toBe('4/4');
    expect(textAt(ready, 'status', 'url')).toBe('http://192.0.2.7');
    const names = await childNames(namespace);
    for (const name of [
      'Deployment/team-user-service',
      'Deployment/team-realtime-service',
      'StatefulSet/team-postgres',
      'Service/team-redis',
      'Ingress/team-ingress',
    ]) {
      expect(names).toContain(name);
    }
  });

  it('[OC3] makes no request at all when nothing has changed', async () => {
    const { namespace, operator } = await given({}, { name: 'team' });
    await conditionIs(namespace, 'team', 'Ready', 'True');
    await settled(operator);
    const before = writesAndReads(operator).length;
    const turns = await operator.turns();
    // Somebody's annotation on the resource wakes the operator and changes nothing that it wants.
    await cluster.client.patch(
      COLLAB_EDITOR,
      { namespace, name: 'team' },
      { metadata: { annotations: { touched: 'yes' } } },
    );
    await until('another reconcile', async () => (await operator.turns()) > turns);
    await settled(operator);
    expect(writesAndReads(operator).slice(before)).toEqual([]);
  });

  it('[OC4] stops at the database and leaves the Job and the services for later', async () => {
    const down = contentStores({
      database: async () => ({
        state: 'failed',
        problem: { reason: 'Unreachable', message: "PostgreSQL can't be reached (ECONNREFUSED)." },
      }),
    });
    const { namespace } = await given({}, { name: 'team', stores: down });
    const resource = await conditionIs(namespace, 'team', 'DatabaseReady', 'False', 'Unreachable');
    expect(messageOf(resource, 'DatabaseReady')).toContain('ECONNREFUSED');
    const names = await childNames(namespace);
    expect(names.filter((name) => /^(Job|Deployment)\//.test(name))).toEqual([]);
  });
});

describe('keeping it so', () => {
  it('[OC5] brings a deleted child back', async () => {
    const { namespace } = await given({}, { name: 'team' });
    await conditionIs(namespace, 'team', 'Ready', 'True');
    for (const [type, name] of [
      [DEPLOYMENT, 'team-user-service'],
      [SERVICE, 'team-document-service'],
      [kindOf('Ingress'), 'team-ingress'],
    ] as const) {
      const before = await cluster.client.get(type, { namespace, name });
      await cluster.client.delete(type, { namespace, name }, { uid: uidOf(before) });
      await until(`${name} is back`, async () => {
        const found = await cluster.client.find(type, { namespace, name });
        return found !== undefined && uidOf(found) !== uidOf(before);
      });
    }
  });

  it('[OC6] brings a deleted Secret back with the same passwords', async () => {
    const { namespace } = await given({}, { name: 'team' });
    await conditionIs(namespace, 'team', 'Ready', 'True');
    for (const name of ['team-user-service', 'team-postgres']) {
      const before = await cluster.client.get(SECRET, { namespace, name });
      await cluster.client.delete(SECRET, { namespace, name }, { uid: uidOf(before) });
      const after = await until(`${name} is back`, async () => {
        const found = await cluster.client.find(SECRET, { namespace, name });
        return found !== undefined && uidOf(found) !== uidOf(before) ? found : undefined;
      });
      expect(decodeSecret(after)).toEqual(decodeSecret(before));
    }
  });

  it('[OC7] leaves a foreign annotation and puts a changed field of ours right', async () => {
    const { namespace } = await given({}, { name: 'team' });
    await conditionIs(namespace, 'team', 'Ready', 'True');
    const key = { namespace, name: 'team-user-service' };
    await cluster.client.patch(DEPLOYMENT, key, {
      metadata: { annotations: { 'example.com/note': 'mine' } },
      spec: { replicas: 5, minReadySeconds: 3 },
    });
    const right = await until('the replicas are put right', async () => {
      const live = await cluster.client.get(DEPLOYMENT, key);
      return at(live, 'spec', 'replicas') === 1 ? live : undefined;
    });
    expect(right.metadata.annotations?.['example.com/note']).toBe('mine');
    expect(at(right, 'spec', 'minReadySeconds')).toBe(3);
  });

  it('[OC8] never touches an object of that name that is not ours', async () => {
    const namespace = await cluster.namespace('conflict');
    const foreign = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 'team-user-service' },
      spec: { ports: [{ port: 1 }] },
    };
    const before = await cluster.client.create(SERVICE, foreign);
    await given({}, { name: 'team', namespace });
    const resource = await conditionIs(namespace, 'team', 'Degraded', 'True', 'NameConflict');
    expect(messageOf(resource, 'Degraded')).toContain('Service team-user-service');
    const after = await cluster.client.get(SERVICE, { namespace, name: 'team-user-service' });
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('[OC9] deletes what is wanted no more', async () => {
    const { namespace } = await given(
      { services: { user: { autoscaling: { minReplicas: 1, maxReplicas: 3 } } } },
      { name: 'team' },
    );
    await conditionIs(namespace, 'team', 'Ready', 'True');
    expect(await childNames(namespace)).toContain('HorizontalPodAutoscaler/team-user-service');
    await cluster.client.patch(
      COLLAB_EDITOR,
      { namespace, name: 'team' },
      { spec: { services: { user: { autoscaling: null } }, exposure: { type: 'None' } } },
    );
    await until('both are gone', async () => {
      const names = await childNames(namespace);
      return !names.includes('HorizontalPodAutoscaler/team-user-service') && !names.includes('Ingress/team-ingress');
    });
  });

  it('[OC10] leaves the replicas to the autoscaler once it has set them', async () => {
    const { namespace, operator } = await given(
      { services: { user: { autoscaling: { minReplicas: 1, maxReplicas: 3 } } } },
      { name: 'team' },
    );
    await conditionIs(namespace, 'team', 'Ready', 'True');
    const key = { namespace, name: 'team-user-service' };
    await cluster.client.patch(DEPLOYMENT, key, { spec: { replicas: 3 } }, 'scale');
    const turns = await operator.turns();
    await until('a reconcile after it', async () => (await operator.turns()) > turns + 1 || undefined);
    await settled(operator);
    const live = await cluster.client.get(DEPLOYMENT, key);
    expect(at(live, 'spec', 'replicas')).toBe(3);
  });
});

describe('paused', () => {
  it('[OC11] writes nothing but the status, which lists what differs', async () => {
    const { namespace, operator } = await given({}, { name: 'team' });
    await conditionIs(namespace, 'team', 'Ready', 'True');
    await cluster.client.patch(COLLAB_EDITOR, { namespace, name: 'team' }, { spec: { paused: true } });
    await conditionIs(namespace, 'team', 'Paused', 'True');
    await settled(operator);
    const before = writesAndReads(operator).length;
    await cluster.client.patch(DEPLOYMENT, { namespace, name: 'team-user-service' }, { spec: { replicas: 4 } });
    const service = await cluster.client.get(SERVICE, { namespace, name: 'team-redis' });
    await cluster.client.delete(SERVICE, { namespace, name: 'team-redis' }, { uid: uidOf(service) });
    const resource = await until('the drift is listed', async () => {
      const live = await cluster.client.get(COLLAB_EDITOR, { namespace, name: 'team' });
      return listAt(live, 'status', 'drift').length >= 2 ? live : undefined;
    });
    expect(listAt(resource, 'status', 'drift')).toEqual(
      expect.arrayContaining([
        { object: 'Deployment team-user-service', field: 'spec.replicas' },
        { object: 'Service team-redis', field: '' },
      ]),
    );
    expect(
      writesAndReads(operator)
        .slice(before)
        .every(({ path }) => path.includes('/collabeditors/team/status')),
    ).toBe(true);
    await cluster.client.patch(COLLAB_EDITOR, { namespace, name: 'team' }, { spec: { paused: false } });
    await until(
      'all is put right',
      async () => (await cluster.client.find(SERVICE, { namespace, name: 'team-redis' })) !== undefined,
    );
    await conditionIs(namespace, 'team', 'Paused', 'False');
  });
});

describe('deletion', () => {
  it('[OC12] keeps the credentials of volumes under Retain and takes them up again', async () => {
    const { namespace } = await given({}, { name: 'team' });
    await conditionIs(namespace, 'team', 'Ready', 'True');
    const before = decodeSecret(await cluster.client.get(SECRET, { namespace, name: 'team-postgres' }));
    await deleteResource(namespace);
    await until(
      'the children are gone',
      async () => {
        const names = (await childNames(namespace)).filter((name) => !name.startsWith('Secret/'));
        return names.length === 0;
      },
      40,
    );
    const kept = (await childNames(namespace)).filter((name) => name.startsWith('Secret/')).sort();
    expect(kept).toEqual(['Secret/team-postgres', 'Secret/team-rabbitmq', 'Secret/team-redis', 'Secret/team-seed']);
    await cluster.client.create(COLLAB_EDITOR, environment(namespace, 'team'));
    await conditionIs(namespace, 'team', 'Ready', 'True');
    expect(decodeSecret(await cluster.client.get(SECRET, { namespace, name: 'team-postgres' }))).toEqual(before);
    expect(await eventReasons(namespace)).toContain('Adopted');
  });

  it('[OC13] leaves nothing under Delete', async () => {
    const { namespace } = await given({ deletionPolicy: 'Delete' }, { name: 'team' });
    await conditionIs(namespace, 'team', 'Ready', 'True');
    const store = await cluster.client.get(STATEFUL_SET, { namespace, name: 'team-postgres' });
    expect(at(store, 'spec', 'persistentVolumeClaimRetentionPolicy', 'whenDeleted')).toBe('Delete');
    await deleteResource(namespace);
    await until('everything is gone', async () => (await childNames(namespace)).length === 0, 40);
  });

  it('[OC14] holds a resource with external stores under Delete until they are cleared', async () => {
    const dropped: string[] = [];
    let refuse = true;
    const stores = contentStores({
      dropDatabase: async ({ owner }) => {
        dropped.push(owner);
        return refuse ? { state: 'failed', problem: { reason: 'Unreachable', message: 'away' } } : { state: 'ok' };
      },
    });
    const namespace = await cluster.namespace('external');
    await externalSecret(namespace, 'db', {
      uri: 'postgresql://app:a@db/collab',
      adminUri: 'postgresql://root:r@db/collab',
    });
    await given(
      { deletionPolicy: 'Delete', postgres: { external: { secretName: 'db' } } },
      { name: 'team', namespace, stores },
    );
    await conditionIs(namespace, 'team', 'Ready', 'True');
    await deleteResource(namespace);
    await until('the database was asked', () => dropped.length > 0);
    expect(await cluster.client.find(COLLAB_EDITOR, { namespace, name: 'team' })).toBeDefined();
    refuse = false;
    await cluster.client.patch(
      COLLAB_EDITOR,
      { namespace, name: 'team' },
      { metadata: { annotations: { now: 'yes' } } },
    );
    await until(
      'the resource is gone',
      async () => (await cluster.client.find(COLLAB_EDITOR, { namespace, name: 'team' })) === undefined,
    );
    expect(dropped).toContain(`${namespace}/team`);
  });
});

describe('what only the operator can see', () => {
  it('[OC15] names the missing Secret, changes nothing, and goes on when it is there', async () => {
    const { namespace } = await given({ postgres: { external: { secretName: 'db' } } }, { name: 'team' });
    const resource = await conditionIs(namespace, 'team', 'SecretsReady', 'False', 'SecretMissing');
    expect(messageOf(resource, 'SecretsReady')).toContain('Secret db');
    expect(await childNames(namespace)).toEqual([]);
    expect(await eventReasons(namespace)).toContain('SecretMissing');
    await externalSecret(namespace, 'db', { uri: 'postgresql://app:secret@db/collab' });
    const ready = await conditionIs(namespace, 'team', 'Ready', 'True');
    expect(conditionsOf(ready)['SecretsReady']).toBe('True');
    const secret = await cluster.client.get(SECRET, { namespace, name: 'team-user-service' });
    expect(decodeSecret(secret)['database-url']).toMatch(/^postgresql:\/\/app:secret@db\/collab/);
  });

  it('[OC16] gives the host to the older of two environments', async () => {
    const { namespace } = await given({ exposure: { host: 'docs.example.com' } }, { name: 'first' });
    await conditionIs(namespace, 'first', 'Ready', 'True');
    await cluster.client.create(
      COLLAB_EDITOR,
      environment(namespace, 'second', { exposure: { host: 'docs.example.com' } }),
    );
    const second = await conditionIs(namespace, 'second', 'Degraded', 'True', 'HostConflict');
    expect(messageOf(second, 'Degraded')).toContain(`${namespace}/first`);
    await conditionIs(namespace, 'first', 'Degraded', 'False');
  });

  it('[OC17] does not let one broken environment delay another', async () => {
    const stores = contentStores({
      database: async ({ owner }) => {
        if (owner.endsWith('/broken')) throw new Error('unexpected');
        return { state: 'ok' };
      },
    });
    const { namespace } = await given({}, { name: 'broken', stores });
    await until('it has begun', async () => (await childNames(namespace)).includes('StatefulSet/broken-postgres'));
    await cluster.client.create(
      COLLAB_EDITOR,
      environment(namespace, 'sound', { exposure: { host: 'sound.example.com' } }),
    );
    await conditionIs(namespace, 'sound', 'Ready', 'True');
  });

  it('[OC18] writes no secret into status or Events', async () => {
    const { namespace } = await given({}, { name: 'team' });
    const resource = await conditionIs(namespace, 'team', 'Ready', 'True');
    const events = await cluster.client.list(EVENT, { namespace });
    const told = JSON.stringify([resource, events.items]);
    const secrets = await cluster.client.list(SECRET, { namespace });
    for (const value of secrets.items.flatMap((secret) => Object.values(decodeSecret(secret))))
      expect(told).not.toContain(value);
  });
});

describe('server-side apply', () => {
  it('[OC19] writes nothing after a restart, since ownership is read from the objects', async () => {
    const { namespace, operator } = await given({}, { name: 'team' });
    await conditionIs(namespace, 'team', 'Ready', 'True');
    await settled(operator);
    await operator[Symbol.asyncDispose]();
    const next = await startOperator(cluster, namespace, contentStores());
    operators.splice(operators.indexOf(operator), 1, next);
    await until('its first reconcile', async () => (await next.turns()) > 0);
    await settled(next);
    expect(writesAndReads(next).filter(({ method }) => method !== 'GET')).toEqual([]);
  });
});

const EVENT: ResourceType = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events', namespaced: true };

interface Given {
  name: string;
  namespace?: string;
  stores?: Stores;
}

async function given(
  spec: Record<string, unknown>,
  { name, namespace: existing, stores = contentStores() }: Given,
): Promise<{ namespace: string; operator: TestOperator }> {
  const namespace = existing ?? (await cluster.namespace('env'));
  const stop = new AbortController();
  stops.push(stop);
  play(cluster.client, namespace, stop.signal);
  const operator = await startOperator(cluster, namespace, stores);
  operators.push(operator);
  await cluster.client.create(COLLAB_EDITOR, environment(namespace, name, spec));
  return { namespace, operator };
}

async function conditionIs(
  namespace: string,
  name: string,
  type: string,
  status: string,
  reason?: string,
): Promise<KubeObject> {
  let last: KubeObject | undefined;
  try {
    return await until(`${name}: ${type} is ${status} ${reason ?? ''}`, async () => {
      last = await cluster.client.get(COLLAB_EDITOR, { namespace, name });
      const found = listAt(last, 'status', 'conditions').find((condition) => textAt(condition, 'type') === type);
      return textAt(found, 'status') === status && (reason === undefined || textAt(found, 'reason') === reason)
        ? last
        : undefined;
    });
  } catch (error) {
    const seen = listAt(last, 'status', 'conditions').map(
      (one) => `${textAt(one, 'type')}=${textAt(one, 'status')} ${textAt(one, 'reason')}: ${textAt(one, 'message')}`,
    );
    throw new Error([String(error), ...seen].join('\n'), { cause: error });
  }
}

function conditionsOf(resource: KubeObject): Record<string, string | undefined> {
  return Object.fromEntries(
    listAt(resource, 'status', 'conditions').map((one) => [textAt(one, 'type') ?? '', textAt(one, 'status')]),
  );
}

function messageOf(resource: KubeObject, type: string): string {
  const found = listAt(resource, 'status', 'conditions').find((one) => textAt(one, 'type') === type);
  return textAt(found, 'message') ?? '';
}

async function childNames(namespace: string): Promise<string[]> {
  const labelSelector = 'app.kubernetes.io/managed-by=collabeditor-operator';
  const kinds = childKinds.filter(({ optional }) => !optional);
  const lists = await Promise.all(kinds.map((type) => cluster.client.list(type, { namespace, labelSelector })));
  return lists.flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
}

async function eventReasons(namespace: string): Promise<(string | undefined)[]> {
  for (const operator of operators) await settled(operator);
  const { items } = await cluster.client.list(EVENT, { namespace });
  return items.map((event) => textAt(event, 'reason'));
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
function writesAndReads(operator: TestOperator) {
  return operator.seen.filter(({ path }) => !path.includes('watch=true'));
}

async function deleteResource(namespace: string): Promise<void> {
  const resource = await cluster.client.get(COLLAB_EDITOR, { namespace, name: 'team' });
  await cluster.client.delete(COLLAB_EDITOR, { namespace, name: 'team' }, { uid: uidOf(resource) });
}

async function externalSecret(namespace: string, name: string, data: Record<string, string>): Promise<void> {
  await cluster.client.create(SECRET, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name },
    stringData: data,
  });
}

function uidOf(object: KubeObject): string {
  return object.metadata.uid ?? '';
}

function kindOf(kind: string): ResourceType {
  const found = childKinds.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no child is a ${kind}`);
  return found;
}
