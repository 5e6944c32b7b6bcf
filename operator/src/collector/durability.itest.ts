import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { startCluster, until, type TestCluster } from '../../test/cluster.ts';
import { Collector, logPrograms, LogNode, LokiStore, runtimeLine, type FakePod } from '../../test/logs.ts';
import { componentName, type LoggingEnvironment } from './environment.ts';
import type { CollectorSettings } from './settings.ts';

const LONG = 170_000;

let cluster: TestCluster;
let home: LogNode;
let programs: { collector: string; loki: string };
let store: LokiStore;
const open: { stop: () => Promise<void> }[] = [];

beforeAll(async () => {
  [cluster, programs] = await Promise.all([startCluster(), logPrograms()]);
  home = await LogNode.make(cluster);
  store = await LokiStore.start(programs.loki, join(home.folder, 'loki'));
}, 180_000);

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

afterAll(async () => {
  await store.stop();
  await home[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
}, 60_000);

/** A node of its own for a test, with a collector that is not started yet. */
async function newNode(
  environments: readonly LoggingEnvironment[],
  ports: readonly number[],
  more: Partial<CollectorSettings> = {},
) {
  const node = await LogNode.make(cluster);
  open.push({ stop: () => node[Symbol.asyncDispose]() });
  const lokis = new Map(environments.map((one, at) => [componentName(one), ports[at] ?? 9]));
  const collector = await Collector.prepare(
    programs.collector,
    { node, kubeconfig: cluster.kubeconfigPath },
    lokis,
    more,
  );
  open.push(collector);
  await collector.configure(environments);
  return { node, collector };
}

async function newEnvironment(): Promise<LoggingEnvironment> {
  return { namespace: await cluster.namespace('durable'), name: 'team' };
}

/** A writer that goes on until it is told to end; returns how many lines it has written. */
function keepWriting(pod: FakePod, already = 0): { end: () => Promise<number> } {
  let going = true;
  let count = already;
  const done = (async () => {
    while (going) {
      await pod.write(Array.from({ length: 25 }, () => numbered((count += 1))));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    end: async () => {
      going = false;
      await done;
      return count;
    },
  };
}

const numbered = (number: number) => `{"level":"info","msg":"line ${number}"}`;
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => numbered(from + at));

/**
 * Waits for every line, then holds that each is there once. The store counts what was sent to it twice by `count_over_time`, but
 * shows it once, so the count alone says nothing.
 */
async function expectAll(pod: FakePod, count: number, from: LokiStore = store): Promise<void> {
  const selector = `{pod="${pod.name}"}`;
  const missing = new Set(numbers(1, count));
  const deadline = Date.now() + 90_000;
  for (;;) {
    await until(`${count} lines of ${pod.name}`, async () => (await from.count(selector)) >= count, 90);
    const lines = await from.lines(selector);
    for (const { text } of lines) missing.delete(text);
    if (missing.size > 0 && Date.now() < deadline) continue;
    const found = { lines: lines.length, missing: [...missing].slice(0, 5) };
    expect(found).toEqual({ lines: count, missing: [] });
    return;
  }
}

describe('the collector', () => {
  it(
    '[OL9] is killed again and again, and every line arrives once',
    async () => {
      const environment = await newEnvironment();
      const { node, collector } = await newNode([environment], [store.port]);
      const pod = await node.component(environment, 'realtime-service', 'team-realtime-service-killed');
      // So much that it is at work on it when it is killed.
      await pod.write(numbers(1, 30_000));
      const writer = keepWriting(pod, 30_000);
      for (let turn = 0; turn < 6; turn += 1) {
        await collector.start();
        await until('it reads', async () => ((await collector.metrics()).get(read(environment)) ?? 0) > 1000);
        await collector.kill();
      }
      // And at any moment, also just when it has read all that there is.
      for (let turn = 0; turn < 12; turn += 1) {
        await collector.start();
        await until('it reads', async () => ((await collector.metrics()).get(read(environment)) ?? 0) > 0);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
        await collector.kill();
      }
      await collector.start();
      await expectAll(pod, await writer.end());
    },
    LONG,
  );

  it(
    '[OL10] is stopped, started and told to reload, and every line arrives',
    async () => {
      const environment = await newEnvironment();
      const { node, collector } = await newNode([environment], [store.port]);
      const pod = await node.component(environment, 'user-service', 'team-user-service-restarted');
      const writer = keepWriting(pod);
      await collector.start();
      for (let turn = 0; turn < 3; turn += 1) {
        await until('it ships', async () => ((await collector.metrics()).get(sent(environment)) ?? 0) > 0);
        await collector.reload();
        await until('it ships again', async () => ((await collector.metrics()).get(sent(environment)) ?? 0) > 0);
        await collector.stop();
        await collector.start();
      }
      await expectAll(pod, await writer.end());
    },
    LONG,
  );

  it(
    '[OL14] was away while a file was rotated, and reads it to its end',
    async () => {
      const environment = await newEnvironment();
      const { node, collector } = await newNode([environment], [store.port]);
      const pod = await node.component(environment, 'postgres', 'team-postgres-rotated');
      await pod.write(numbers(1, 100));
      await collector.start();
      await until('it ships', async () => (await store.count(`{pod="${pod.name}"}`)) === 100);
      await pod.write(numbers(101, 150));
      await collector.kill();
      await pod.write(numbers(151, 300));
      await pod.rotate();
      await pod.write(numbers(301, 400));
      await collector.start();
      await expectAll(pod, 400);
      await pod.write(numbers(401, 450));
      await pod.rotate();
      await pod.write(numbers(451, 500));
      await expectAll(pod, 500);
    },
    LONG,
  );
});

describe('a store', () => {
  it(
    '[OL11] is down for a while, the collector is killed meanwhile, and every line arrives',
    async () => {
      const environment = await newEnvironment();
      const own = await LokiStore.start(programs.loki, join(home.folder, 'loki-stopped'));
      open.push(own);
      const { node, collector } = await newNode([environment], [own.port]);
      const pod = await node.component(environment, 'document-service', 'team-document-service-down');
      const writer = keepWriting(pod);
      await collector.start();
      await until('it ships', async () => ((await collector.metrics()).get(sent(environment)) ?? 0) > 0);
      await own.stop();
      await until('lines wait', async () => ((await collector.metrics()).get(waiting(environment)) ?? 0) > 20_000);
      await collector.kill();
      await collector.start();
      await until('more wait', async () => ((await collector.metrics()).get(waiting(environment)) ?? 0) > 40_000);
      await collector.reload();
      const count = await writer.end();
      await own.start();
      await expectAll(pod, count, own);
    },
    LONG,
  );

  it('[OL23] takes lines that come hours late beside newer ones', async () => {
    const environment = await newEnvironment();
    const { node, collector } = await newNode([environment], [store.port]);
    const pod = await node.component(environment, 'postgres', 'team-postgres-late');
    await collector.start();
    await pod.write(numbers(1, 10));
    await until('the newer ones are there', async () => (await store.count(`{pod="${pod.name}"}`)) === 10);
    const begun = (BigInt(Date.now()) - 10n * 3_600_000n) * 1_000_000n;
    const late = numbers(11, 20).map((text, at) => runtimeLine(text, { time: begun + BigInt(at) }));
    await pod.writeRaw(late.join(''), { container: 'prepare' });
    await until('the late ones too', async () => (await store.lines(`{pod="${pod.name}"}`, 12)).length === 20);
  });

  it(
    '[OL12] is down, another hangs, and the third environment’s lines are not late',
    async () => {
      const environments = [await newEnvironment(), await newEnvironment(), await newEnvironment()];
      const [down, hanging, well] = environments;
      if (down === undefined || hanging === undefined || well === undefined) throw new Error('three were made');
      const hole = await startHole();
      open.push(hole);
      const { node, collector } = await newNode(environments, [9, hole.port, store.port]);
      const lost = await node.component(down, 'user-service', 'team-user-service-no-store');
      const stuck = await node.component(hanging, 'user-service', 'team-user-service-stuck');
      const pod = await node.component(well, 'user-service', 'team-user-service-well');
      const writers = [keepWriting(lost), keepWriting(stuck)];
      await collector.start();
      await until('both wait', async () => {
        const metrics = await collector.metrics();
        return [down, hanging].every((one) => (metrics.get(waiting(one)) ?? 0) > 100_000);
      });
      const waits: number[] = [];
      for (let turn = 1; turn <= 10; turn += 1) {
        const begun = performance.now();
        await pod.write([numbered(turn)]);
        await until('it is there', async () => (await store.count(`{pod="${pod.name}"}`)) === turn);
        waits.push(performance.now() - begun);
      }
      for (const writer of writers) await writer.end();
      // Half a second until the file is looked at, as much until a batch is sent; a retry or a timeout would be 10 s and more.
      expect(Math.max(...waits)).toBeLessThan(8000);
      await expectAll(pod, 10);
    },
    LONG,
  );

  it(
    '[OL13] that is away too long for the queue stops the reading, and no line is lost',
    async () => {
      const environments = [await newEnvironment(), await newEnvironment()];
      const [full, well] = environments;
      if (full === undefined || well === undefined) throw new Error('two were made');
      const own = await LokiStore.start(programs.loki, join(home.folder, 'loki-full'));
      open.push(own);
      await own.stop();
      const queueBytes = 300_000;
      const { node, collector } = await newNode(environments, [own.port, store.port], { queueBytes });
      const pod = await node.component(full, 'user-service', 'team-user-service-full');
      const other = await node.component(well, 'user-service', 'team-user-service-beside');
      await pod.write(numbers(1, 10_000));
      await collector.start();
      await until('the queue is full', async () => {
        const metrics = await collector.metrics();
        return (metrics.get(waiting(full)) ?? 0) > queueBytes * 0.9 && (metrics.get(read(full)) ?? 0) < 10_000;
      });
      await other.write(numbers(1, 500));
      await expectAll(other, 500);
      const metrics = await collector.metrics();
      expect(metrics.get(waiting(full).replace('size', 'capacity'))).toBe(queueBytes);
      expect(metrics.get(read(full))).toBeLessThan(5000);
      await own.start();
      await expectAll(pod, 10_000, own);
    },
    LONG,
  );
});

const sent = (one: LoggingEnvironment) =>
  `otelcol_exporter_sent_log_records{exporter="otlp_http/${componentName(one)}"}`;
const read = (one: LoggingEnvironment) =>
  `otelcol_receiver_accepted_log_records{receiver="file_log/${componentName(one)}",transport=""}`;
const waiting = (one: LoggingEnvironment) =>
  `otelcol_exporter_queue_size{data_type="logs",exporter="otlp_http/${componentName(one)}"}`;

/** Takes connections and never answers. */
async function startHole(): Promise<{ port: number; stop: () => Promise<void> }> {
  const sockets = new Set<{ destroy: () => void }>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
