import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { startCluster, until, type TestCluster } from '../../test/cluster.ts';
import {
  Collector,
  logPrograms,
  LogNode,
  LokiStore,
  runtimeLine,
  type FakePod,
  type StoredLine,
} from '../../test/logs.ts';
import { componentName, type LoggingEnvironment } from './environment.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';

let cluster: TestCluster;
let node: LogNode;
let programs: { collector: string; loki: string };
let stores: [LokiStore, LokiStore];
let collector: Collector;
/** `team` twice, in namespaces of their own, and two more whose names begin alike beside the first. */
let ours: LoggingEnvironment;
let theirs: LoggingEnvironment;
let beside: LoggingEnvironment;
let unlogged: LoggingEnvironment;

beforeAll(async () => {
  [cluster, programs] = await Promise.all([startCluster(), logPrograms()]);
  node = await LogNode.make(cluster);
  stores = await Promise.all([
    LokiStore.start(programs.loki, join(node.folder, 'loki-1')),
    LokiStore.start(programs.loki, join(node.folder, 'loki-2')),
  ]);
  const [first, second] = [await cluster.namespace('first'), await cluster.namespace('second')];
  ours = { namespace: first, name: 'team' };
  theirs = { namespace: second, name: 'team' };
  beside = { namespace: first, name: 'team-two' };
  unlogged = { namespace: first, name: 'team-three' };
  const lokis = new Map([
    [componentName(ours), stores[0].port],
    [componentName(theirs), stores[1].port],
    [componentName(beside), stores[1].port],
  ]);
  collector = await Collector.prepare(programs.collector, { node, kubeconfig: cluster.kubeconfigPath }, lokis);
  await collector.configure([ours, theirs, beside]);
  await collector.start();
}, 180_000);

afterAll(async () => {
  await collector.stop();
  await Promise.all(stores.map((store) => store.stop()));
  await node[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
}, 60_000);

/** Waits until the store has so many lines of a pod. */
function linesOf(store: LokiStore, pod: FakePod, count: number): Promise<StoredLine[]> {
  return until(`${count} lines of ${pod.name}`, async () => {
    const lines = await store.lines(`{pod="${pod.name}"}`);
    return lines.length >= count ? lines : undefined;
  });
}

describe('environments', () => {
  it('[OL1] get their own lines and no others', async () => {
    const pods = await Promise.all([
      node.component(ours, 'user-service', 'team-user-service-a'),
      node.component(theirs, 'user-service', 'team-user-service-b'),
      node.component(beside, 'user-service', 'team-two-user-service-c'),
      node.component(unlogged, 'user-service', 'team-three-user-service-d'),
    ]);
    const [mine, other, sibling] = pods;
    await Promise.all(pods.map((pod) => pod.write([`of ${pod.name}`])));
    await Promise.all([linesOf(stores[0], mine, 1), linesOf(stores[1], other, 1), linesOf(stores[1], sibling, 1)]);
    // What is written later arrives later: by then the earlier lines of the others would have come too.
    await mine.write(['last']);
    await other.write(['last']);
    await Promise.all([linesOf(stores[0], mine, 2), linesOf(stores[1], other, 2)]);
    const owners = async (store: LokiStore) => {
      const lines = await store.lines('{pod=~"team-.*user-service-[a-d]"}');
      return [
        ...new Set(lines.map(({ labels }) => `${labels['namespace']}/${labels['instance']} ${labels['pod']}`)),
      ].sort();
    };
    expect(await owners(stores[0])).toEqual([`${ours.namespace}/team ${mine.name}`]);
    expect(await owners(stores[1])).toEqual(
      [`${theirs.namespace}/team ${other.name}`, `${beside.namespace}/team-two ${sibling.name}`].sort(),
    );
  });

  it('[OL2] get nothing of pods without their labels', async () => {
    const { namespace } = ours;
    const foreign = await Promise.all([
      node.pod(namespace, 'team-user-service-foreign', {}),
      node.pod(namespace, 'team-other', { 'app.kubernetes.io/instance': 'team', 'app.kubernetes.io/name': 'x' }),
      node.pod(namespace, 'team-redis-alien', {
        'app.kubernetes.io/part-of': 'collabeditor',
        'app.kubernetes.io/instance': 'alien',
      }),
      node.files(namespace, 'team-unknown', randomUUID()),
    ]);
    const known = await node.component(ours, 'redis', 'team-redis-0');
    const before = await collector.metrics();
    await Promise.all(foreign.map((pod) => pod.write(['not to be shipped', 'not to be shipped'])));
    await known.write(['to be shipped']);
    await linesOf(stores[0], known, 1);
    const name = 'otelcol_processor_filter_logs_filtered{filter="filter/foreign"}';
    await until(
      'they are counted',
      async () => ((await collector.metrics()).get(name) ?? 0) - (before.get(name) ?? 0) === 8,
    );
    for (const store of stores) expect(await store.lines('{pod=~".+"} |= "not to be shipped"')).toEqual([]);
  });

  it('[OL8] get the last lines of a pod that is gone', async () => {
    const gone = await node.files(ours.namespace, 'team-realtime-service-6d5f-x', randomUUID());
    const job = await node.files(ours.namespace, 'team-migrate-12ab-y', randomUUID());
    await gone.write(['{"level":"fatal","msg":"The process ends"}']);
    await job.write(['{"level":"error","msg":"The migration failed"}']);
    expect((await linesOf(stores[0], gone, 1))[0]?.labels).toMatchObject({
      component: 'realtime-service',
      level: 'fatal',
    });
    expect((await linesOf(stores[0], job, 1))[0]?.labels).toMatchObject({ component: 'migrations', level: 'error' });
  });
});

describe('fields', () => {
  const formats: Record<string, [text: string, level: string][]> = {
    'document-service': [
      ['{"level":"trace","time":"2026-11-23T09:53:18.123Z","service":"document","msg":"x"}', 'trace'],
      ['{"level":"warn","msg":"level=error"}', 'warn'],
      ['{"msg":"the level is last","level":"error"}', 'error'],
      ['{"level":"loud","msg":"x"}', 'info'],
      ['{"level":50,"msg":"x"}', 'info'],
      ['node: bad option', 'info'],
    ],
    postgres: [
      ['2026-11-23 09:53:18.123 UTC [71] LOG:  database system is ready to accept connections', 'info'],
      ['2026-11-23 09:53:18.123 UTC [71] WARNING:  there is no transaction in progress', 'warn'],
      ['2026-11-23 09:53:18.123 UTC [71] ERROR:  relation "x" does not exist at character 15', 'error'],
      ['2026-11-23 09:53:18.123 UTC [71] FATAL:  terminating connection', 'fatal'],
      ['2026-11-23 09:53:18.123 UTC [71] PANIC:  could not write to file', 'fatal'],
      ['2026-11-23 09:53:18.123 UTC [71] DEBUG1:  autovacuum', 'debug'],
      ["2026-11-23 09:53:18.123 UTC [71] STATEMENT:  SELECT 'ERROR:  '", 'info'],
      ['\tERROR:  a second line', 'info'],
      ['\tselect 1; -- FATAL:  no', 'info'],
    ],
    redis: [
      ['1:M 23 Nov 2026 09:53:18.123 * Ready to accept connections tcp', 'info'],
      ['1:M 23 Nov 2026 09:53:18.123 # WARNING Memory overcommit must be enabled!', 'warn'],
      ['1:C 23 Nov 2026 09:53:18.123 - DB saved on disk', 'debug'],
      ['1:M 23 Nov 2026 09:53:18.123 . tick', 'debug'],
      ['# a line of its banner', 'info'],
    ],
    rabbitmq: [
      ['2026-11-23 09:53:18.123456+00:00 [warning] <0.477.0> closing AMQP connection', 'warn'],
      ['2026-11-23 09:53:18.123456+00:00 [error] <0.477.0> x', 'error'],
      ['{"time":"2026-11-23 09:53:18.123456+00:00","level":"notice","msg":"x","pid":"<0.1.0>"}', 'info'],
      ['{"time":"2026-11-23 09:53:18.123456+00:00","level":"critical","msg":"x"}', 'fatal'],
      ['  ##  ##      RabbitMQ 4.0', 'info'],
    ],
    prometheus: [
      ['time=2026-11-23T09:53:18.123Z level=WARN source=head.go:1 msg="a level=error one"', 'warn'],
      ['time=2026-11-23T09:53:18.123Z level=INFO source=main.go:1 msg="x"', 'info'],
    ],
    loki: [
      ['level=error ts=2026-11-23T09:53:18.123Z caller=main.go:1 msg="x"', 'error'],
      ['ts=2026-11-23T09:53:18.123Z caller=main.go:1 level=debug msg="x"', 'debug'],
      ['ts=2026-11-23T09:53:18.123Z msg="x level=error y"', 'info'],
    ],
    grafana: [
      ['logger=context userId=1 uname="a b" t=2026-11-23T09:53:18.123Z level=eror msg="x"', 'error'],
      ['logger=settings t=2026-11-23T09:53:18.123Z level=info msg="x"', 'info'],
    ],
  };

  it.each(Object.keys(formats))('[OL4] level: %s', async (component) => {
    const cases = formats[component] ?? [];
    const pod = await node.component(theirs, component, `team-${component}-levels`);
    await pod.write(cases.map(([text]) => text));
    const lines = await linesOf(stores[1], pod, cases.length);
    expect(lines.map(({ text, labels }) => [text, labels['level']])).toEqual(cases);
  });

  it('[OL3, OL7] are the four labels, level, container, traceId and event, and the time is the runtime’s', async () => {
    const pod = await node.component(ours, 'user-service', 'team-user-service-fields');
    const text = JSON.stringify({
      level: 'info',
      time: '2020-01-01T00:00:00.000Z',
      service: 'user',
      pod: 'x',
      traceId,
      event: 'login_failed',
      namespace: 'elsewhere',
      instance: 'another',
      component: 'postgres',
      msg: 'Hello',
    });
    const time = BigInt(Date.now()) * 1_000_000n + 123_456_789n;
    await pod.writeRaw(runtimeLine(text, { time, stream: 'stderr' }), { container: 'migrate' });
    const [line] = await linesOf(stores[0], pod, 1);
    expect(line).toEqual({
      labels: {
        namespace: ours.namespace,
        instance: 'team',
        component: 'user-service',
        pod: pod.name,
        level: 'info',
        container: 'migrate',
        traceId,
        event: 'login_failed',
      },
      time,
      text,
    });
  });
});

describe('hostile lines', () => {
  it('[OL5] pass as they are and harm no other', async () => {
    const pod = await node.component(ours, 'user-service', 'team-user-service-hostile');
    const texts = [
      'before',
      '{"level":"error","msg":"broken',
      '{"level":"warn"',
      '{"level":{"a":1},"traceId":["x"],"event":7,"msg":"wrong kinds"}',
      `{"level":"info","traceId":"${'z'.repeat(32)}","event":"a b c","msg":"wrong forms"}`,
      `{"level":"info","traceId":"${traceId}\\n{}","event":"${'e'.repeat(65)}"}`,
      '['.repeat(5000),
      '{"a":'.repeat(2000),
      'tabs\tand \u0000 \u0001 \u001b[31m red \u007f \u2028 \ud83d\ude00',
      '  spaces at both ends  ',
      '',
      '${env:HOME} $HOME $$ {{.Values}} %s',
      '2026-11-23T09:53:18.123456789Z stdout F a line of the runtime inside a line',
      'null',
      '"level=error"',
      'after',
    ];
    await pod.write(texts);
    const lines = await linesOf(stores[0], pod, texts.length);
    expect(lines.map(({ text }) => text)).toEqual(texts);
    const fields = lines.map(({ labels: { level, traceId: trace, event } }) => [level, trace, event].join());
    expect(fields).toEqual(texts.map((_, at) => (at === 1 ? 'error,,' : at === 2 ? 'warn,,' : 'info,,')));
    const bytes = await node.component(ours, 'user-service', 'team-user-service-bytes');
    await bytes.writeRaw('no line of a runtime\n');
    await bytes.writeRaw(Buffer.from(runtimeLine('\u00e9').replace('\u00e9', '\u00ff'), 'latin1'));
    await bytes.write(['good']);
    const found = (await linesOf(stores[0], bytes, 3)).map(({ text }) => text);
    expect(found.sort()).toEqual(['good', 'no line of a runtime', '\ufffd']);
  });

  it('[OL22] are dropped alone where the store refuses them for good, and a metric tells', async () => {
    const pod = await node.component(ours, 'user-service', 'team-user-service-old');
    const name = `otelcol_exporter_send_failed_log_records{exporter="otlp_http/${componentName(ours)}"}`;
    const failed = async () => (await collector.metrics()).get(name) ?? 0;
    const before = await failed();
    const time = (BigInt(Date.now()) - 30n * 86_400_000n) * 1_000_000n;
    await pod.writeRaw(runtimeLine('older than the store takes', { time }));
    await pod.write(['good']);
    expect((await linesOf(stores[0], pod, 1)).map(({ text }) => text)).toEqual(['good']);
    await until('it is counted', async () => (await failed()) > before);
  });

  it('[OL6] are put together from their pieces, and come in several entries over 128 KiB', async () => {
    const pod = await node.component(ours, 'realtime-service', 'team-realtime-service-long');
    const piece = (letter: string) => ` ${letter.repeat(16 * 1024 - 2)} `;
    await pod.write(['abc'].map(piece).concat(piece('d')), { tag: 'P' });
    await pod.write(['end']);
    const pieces = Array.from({ length: 64 }, (_, at) => piece(String.fromCharCode(97 + (at % 26))));
    await pod.write(pieces, { tag: 'P' });
    await pod.write([' end']);
    await pod.write(['next']);
    const whole = `${pieces.join('')} end`;
    const lines = await until('the last line', async () => {
      const found = await stores[0].lines(`{pod="${pod.name}"}`);
      return found.at(-1)?.text === 'next' ? found : undefined;
    });
    expect(lines[0]?.text).toBe(`${piece('abc')}${piece('d')}end`);
    expect(whole.length).toBeGreaterThan(1024 * 1024);
    expect(
      lines
        .slice(1, -1)
        .map(({ text }) => text)
        .join('') === whole,
    ).toBe(true);
    for (const { text } of lines) expect(text.length).toBeLessThanOrEqual((128 + 16) * 1024);
  });
});
