import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createLogger } from '@collabeditor/kit';
import { eventually } from '../../../test/harness/eventually.ts';
import { type Collector, startCollector } from '../../kit/test/collector.ts';
import { type Person, startWorld, type World } from '../test/world.ts';

const traceId = 'd4'.repeat(16);
const parentId = 'e5'.repeat(8);
const headers = { traceparent: `00-${traceId}-${parentId}-01` };

let world: World;
let collector: Collector;
let ada: Person;
const lines: string[] = [];
const log = createLogger({
  service: 'realtime',
  pod: 'test',
  level: 'debug',
  destination: { write: (line) => lines.push(line) },
});

beforeAll(async () => {
  world = await startWorld();
  collector = await startCollector();
  ada = await world.person('Ada');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

const parsed = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

it('[RP34] lines of a session have the trace of its upgrade, and never its token', async () => {
  const replica = await world.start({}, { log });
  const session = await replica.session(world.document(ada), ada, { tokenIn: 'query', headers });
  await session.edit({ type: 'insert', pos: 0, text: 'words of a document' });
  // A frame of more than 1 MiB fails the socket.
  session.ws.send('x'.repeat(2 ** 20 + 1));
  await session.closed();
  await eventually(() => expect(parsed().filter(({ event }) => event === 'socket_failed')).toHaveLength(1));
  expect(parsed().find(({ event }) => event === 'socket_failed')).toMatchObject({ traceId });
  await replica.stop();
  expect(lines.join('')).not.toContain(ada.token.slice(0, 40));
  expect(lines.join('')).not.toContain('words of a document');
});

it('[RP34] an upgrade is a span of its caller’s trace, a commit the first of its own', async () => {
  const replica = await world.start({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: 'parentbased_always_on',
  });
  const id = world.document(ada);
  const session = await replica.session(id, ada, { headers });
  await session.edit({ type: 'insert', pos: 0, text: 'words of a document' });
  await session.edit({ type: 'insert', pos: 0, text: 'more ' });
  await expect(replica.session(id, { ...ada, token: 'nonsense' }, { headers })).rejects.toThrow('401');
  await session.close();
  await replica.stop();
  const upgrades = collector.spans.filter(({ name }) => name === 'GET /ws/doc/{id}');
  expect(upgrades.map(({ attributes }) => attributes['http.response.status_code']).sort()).toEqual([101, 401]);
  expect(upgrades.map((span) => [span.traceId, span.parentSpanId])).toEqual(Array(2).fill([traceId, parentId]));
  const role = collector.spans.find(({ kind, name }) => kind === 'client' && name.endsWith('/role'));
  expect(upgrades.map(({ spanId }) => spanId)).toContain(role?.parentSpanId);
  const commits = collector.spans.filter(({ name }) => name === 'group commit');
  expect(commits.map(({ parentSpanId }) => parentSpanId)).toEqual(['', '']);
  expect(new Set([traceId, ...commits.map((span) => span.traceId)]).size).toBe(3);
  expect(commits[0]?.attributes).toEqual({
    'db.system.name': 'postgresql',
    'db.operation.name': 'COMMIT',
    'db.operation.batch.size': 1,
    'collab.documents': 1,
    'collab.outcome': 'committed',
  });
  expect(collector.bodies.join()).not.toMatch(new RegExp(`words of|nonsense|${id}|${ada.id}`));
});
