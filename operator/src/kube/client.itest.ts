import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startCluster, until, type TestCluster } from '../../test/cluster.ts';
import { Cache } from './cache.ts';
import { KubeClient } from './client.ts';
import { Credentials } from './credentials.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeError } from './errors.ts';
import { at } from './json.ts';
import { LeaderElection } from './lease.ts';
import { lostFields } from './ownership.ts';
import { Reflector } from './reflector.ts';
import type { KubeObject, ResourceType } from './types.ts';

const CONFIG_MAP: ResourceType = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const DEPLOYMENT: ResourceType = { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', namespaced: true };

let cluster: TestCluster;
let ours: KubeClient;

beforeAll(async () => {
  cluster = await startCluster();
  ours = cluster.clientFor('us').client;
}, 120_000);

afterAll(async () => cluster[Symbol.asyncDispose]());

const configMap = (namespace: string, name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name },
  data,
});

describe('the client', () => {
  it('[KR15] loses no field of a CustomResourceDefinition', async () => {
    const type = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      plural: 'customresourcedefinitions',
      namespaced: false,
    };
    const crd = await ours.get(type, { name: 'collabeditors.collabeditor.dev' });
    expect(JSON.stringify(crd)).toContain('x-kubernetes-validations');
  });

  it('[KR16] tells refusals by status and reason', async () => {
    const namespace = await cluster.namespace('client');
    await ours.create(CONFIG_MAP, configMap(namespace, 'a', {}));
    const again = await ours.create(CONFIG_MAP, configMap(namespace, 'a', {})).catch((error: unknown) => error);
    expect(isAlreadyExists(again)).toBe(true);
    expect(isNotFound(await ours.get(CONFIG_MAP, { namespace, name: 'b' }).catch((error: unknown) => error))).toBe(
      true,
    );
    const invalid = await ours
      .create(CONFIG_MAP, configMap(namespace, 'NOT A NAME', {}))
      .catch((error: unknown) => error);
    expect(invalid).toMatchObject({ code: 'status', status: 422, reason: 'Invalid' });
    expect(await ours.find(CONFIG_MAP, { namespace, name: 'b' })).toBeUndefined();
    expect(await ours.discover('example.com/v1')).toEqual([]);
  });

  it('[KR17] deletes that very object only', async () => {
    const namespace = await cluster.namespace('client');
    const first = await ours.create(CONFIG_MAP, configMap(namespace, 'a', {}));
    const uid = first.metadata.uid ?? '';
    await ours.delete(CONFIG_MAP, { namespace, name: 'a' }, { uid });
    await ours.create(CONFIG_MAP, configMap(namespace, 'a', {}));
    const refused = await ours.delete(CONFIG_MAP, { namespace, name: 'a' }, { uid }).catch((error: unknown) => error);
    expect(isConflict(refused)).toBe(true);
    await ours.delete(CONFIG_MAP, { namespace, name: 'never' }, { uid });
  });

  it('[KR18] applies without force only what nobody else owns', async () => {
    const namespace = await cluster.namespace('client');
    await cluster.client.create(CONFIG_MAP, configMap(namespace, 'a', { theirs: '1' }));
    const refused = await ours
      .apply(CONFIG_MAP, configMap(namespace, 'a', { theirs: '2' }), { force: false })
      .catch((error: unknown) => error);
    expect(isConflict(refused)).toBe(true);
    const merged = await ours.apply(CONFIG_MAP, configMap(namespace, 'a', { ours: '3' }), { force: false });
    expect(merged['data']).toEqual({ theirs: '1', ours: '3' });
  });

  it('[KR19] uses few connections for many requests', async () => {
    await using proxy = await countingProxy(cluster.kubeconfigPath);
    const namespace = await cluster.namespace('client');
    for (let index = 0; index < 30; index += 1) await proxy.client.find(CONFIG_MAP, { namespace, name: 'a' });
    expect(proxy.connections()).toBeLessThanOrEqual(2);
  });
});

describe('ownership on a real server', () => {
  it('[KR20, KR21] shows what others changed, whatever form a value was given', async () => {
    const namespace = await cluster.namespace('ownership');
    const wanted: KubeObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { namespace, name: 'a', labels: { app: 'a' } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'a' } },
        template: {
          metadata: { labels: { app: 'a' } },
          spec: {
            containers: [
              {
                name: 'main',
                image: 'one',
                resources: { limits: { cpu: '0.1', memory: '1024Mi' } },
                ports: [{ containerPort: 80 }],
              },
            ],
          },
        },
      },
    };
    const written = await ours.apply(DEPLOYMENT, wanted);
    expect(at(written, 'spec', 'template', 'spec', 'containers', 0, 'resources', 'limits', 'cpu')).toBe('100m');
    expect(lostFields(wanted, written, 'us')).toEqual([]);
    const annotated = await cluster.client.patch(
      DEPLOYMENT,
      { namespace, name: 'a' },
      { metadata: { annotations: { note: 'x' } }, spec: { minReadySeconds: 5 } },
    );
    expect(lostFields(wanted, annotated, 'us')).toEqual([]);
    const changed = await cluster.client.patch(
      DEPLOYMENT,
      { namespace, name: 'a' },
      { metadata: { labels: { app: null } }, spec: { replicas: 7 } },
    );
    expect(lostFields(wanted, changed, 'us').sort()).toEqual(['metadata.labels.app', 'spec.replicas']);
    expect(lostFields(wanted, await ours.apply(DEPLOYMENT, wanted), 'us')).toEqual([]);
  });
});

describe('the reflector on a real server', () => {
  it('[KR10] follows a namespace, also when it lists page by page', async () => {
    const namespace = await cluster.namespace('reflector');
    for (let index = 0; index < 5; index += 1)
      await ours.create(CONFIG_MAP, configMap(namespace, `before-${index}`, {}));
    const stop = new AbortController();
    const caches = [new Cache(), new Cache()] as const;
    const refusing = { list: ours.list.bind(ours), watch: refuseStreamedLists(ours) };
    const done = [
      new Reflector({ client: ours, type: CONFIG_MAP, selection: { namespace }, cache: caches[0] }),
      new Reflector({ client: refusing, type: CONFIG_MAP, selection: { namespace }, cache: caches[1] }),
    ].map((reflector) => reflector.run(stop.signal));
    await ours.create(CONFIG_MAP, configMap(namespace, 'after', {}));
    const gone = await ours.get(CONFIG_MAP, { namespace, name: 'before-0' });
    await ours.delete(CONFIG_MAP, gone.metadata, { uid: gone.metadata.uid ?? '' });
    const wanted = ['after', 'before-1', 'before-2', 'before-3', 'before-4'];
    for (const cache of caches) {
      const names = () =>
        cache
          .all()
          .map(({ metadata }) => metadata.name)
          .filter((name) => name !== 'kube-root-ca.crt')
          .sort();
      await until('the cache is right', () => JSON.stringify(names()) === JSON.stringify(wanted));
    }
    stop.abort();
    await Promise.all(done);
  });
});

describe('the lease on a real server', () => {
  it('[KR23] passes from one holder to the next', async () => {
    const namespace = await cluster.namespace('lease');
    const candidates = ['one', 'two'].map((identity) => {
      const stop = new AbortController();
      const election = new LeaderElection({ client: ours, namespace, name: 'lease', identity, retryMs: 100 });
      const state = { leads: false };
      const done = election.run(stop.signal, async (held) => {
        state.leads = true;
        await once(held, 'abort');
        state.leads = false;
      });
      return { stop, state, done };
    });
    const leader = await until('one leads', () => candidates.find(({ state }) => state.leads));
    const other = candidates.find((candidate) => candidate !== leader);
    expect(other?.state.leads).toBe(false);
    leader.stop.abort();
    await leader.done;
    await until('the other leads', () => other?.state.leads);
    other?.stop.abort();
    await other?.done;
  });
});

/** A server of before streamed lists. */
function refuseStreamedLists(client: KubeClient): KubeClient['watch'] {
  return (type, selection, parameters, options) => {
    if (parameters['sendInitialEvents'] !== undefined)
      throw new KubeError('status', 'sendInitialEvents is forbidden', { status: 422, reason: 'Invalid' });
    return client.watch(type, selection, parameters, options);
  };
}

/** A client whose connections to the server go through a counter. */
async function countingProxy(
  kubeconfigPath: string,
): Promise<AsyncDisposable & { client: KubeClient; connections: () => number }> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigPath);
  const server = config.getCurrentCluster();
  if (server === null) throw new Error('no cluster');
  const target = new URL(server.server);
  const sockets = new Set<Socket>();
  let count = 0;
  const proxy = createServer((socket) => {
    count += 1;
    const onward = connect(Number(target.port), target.hostname);
    for (const one of [socket, onward]) {
      sockets.add(one);
      one.on('error', () => undefined);
    }
    socket.pipe(onward).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  config.clusters = config.clusters.map((one) => ({ ...one, server: `https://127.0.0.1:${port}` }));
  const client = new KubeClient({ credentials: new Credentials(config), userAgent: 'test', fieldManager: 'us' });
  return {
    client,
    connections: () => count,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
