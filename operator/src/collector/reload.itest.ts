import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { startCluster, until, type TestCluster } from '../../test/cluster.ts';
import { Collector, logPrograms, LogNode, LokiStore } from '../../test/logs.ts';
import { componentName } from './environment.ts';

let cluster: TestCluster;
let node: LogNode;
let store: LokiStore;
let collector: Collector;

beforeAll(async () => {
  const [first, programs] = await Promise.all([startCluster(), logPrograms()]);
  cluster = first;
  node = await LogNode.make(cluster);
  store = await LokiStore.start(programs.loki, join(node.folder, 'loki'));
  const lokis = new Map(
    ['one', 'two'].map((name) => [componentName({ namespace: 'come-and-go-1', name }), store.port]),
  );
  collector = await Collector.prepare(programs.collector, { node, kubeconfig: cluster.kubeconfigPath }, lokis);
}, 180_000);

afterAll(async () => {
  await collector.stop();
  await store.stop();
  await node[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
}, 60_000);

it('[OL16, OL17] environments come and go while the collector runs', async () => {
  const namespace = await cluster.namespace('come-and-go');
  const [one, two] = [
    { namespace, name: 'one' },
    { namespace, name: 'two' },
  ];
  const texts = async (name: string) => (await store.lines(`{instance="${name}"}`)).map(({ text }) => text);
  const has = (name: string, expected: string[]) =>
    until(`the lines of ${name}`, async () => (await texts(name)).length === expected.length).then(async () =>
      expect(await texts(name)).toEqual(expected),
    );

  await collector.configure([]);
  await collector.start();
  expect(await collector.healthy()).toBe(true);

  const pods = [
    await node.component(one, 'user-service', 'one-user-service-a'),
    await node.component(two, 'user-service', 'two-user-service-a'),
  ];
  const write = (text: string) => Promise.all(pods.map((pod) => pod.write([text])));
  await write('before');
  await collector.configure([one]);
  await collector.reload();
  await has('one', ['before']);

  await write('between');
  await collector.configure([one, two]);
  await collector.reload();
  await has('one', ['before', 'between']);
  await has('two', ['before', 'between']);

  await collector.configure([two]);
  await collector.reload();
  await write('after');
  await has('two', ['before', 'between', 'after']);
  await has('one', ['before', 'between']);
}, 120_000);
