/** Each metric against what was seen of the same load from outside. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problems, realtimePeerRoutes } from '@collabeditor/contracts';
import { createLogger, createPool, createRedis } from '@collabeditor/kit';
import { eventually } from '../../../test/harness/eventually.ts';
import { type Proxy, proxied } from '../../../test/harness/proxy.ts';
import { mostSeries, scrape } from '../../../test/harness/scrape.ts';
import { openSession, type Session, type SessionOptions } from '../test/session.ts';
import { type Person, type Replica, startWorld, type World } from '../test/world.ts';

const v1 = ['collab.v1'];
const requests = 'http_request_duration_seconds_count';
const upgrade = { method: 'GET', route: '/ws/doc/{id}' };

let world: World;
let ada: Person;
let ben: Person;

beforeAll(async () => {
  world = await startWorld();
  ada = await world.person('Ada');
  ben = await world.person('Ben');
});
afterAll(async () => world[Symbol.asyncDispose]());

const of = (replica: Replica) => scrape(replica.service.telemetryUrl);

/** A replica on a database that can be taken away, and every session that was ever opened on it. */
async function observed(env: Record<string, string> = {}) {
  const { url, proxy } = await proxied(world.env['DATABASE_URL'] ?? '');
  await proxy.up();
  const replica = await world.start({ DATABASE_URL: url, ...env });
  const sessions: Session[] = [];
  return {
    replica,
    proxy,
    async session(documentId: string, person: Person, options?: SessionOptions): Promise<Session> {
      const session = await replica.session(documentId, person, options);
      sessions.push(session);
      return session;
    },
    framesReceived: () => sessions.reduce((all, { frames }) => all + frames.length, 0),
    textsReceived: () =>
      sessions
        .flatMap(({ frames }) => frames)
        .filter(({ type, content }) => type === 'out_of_sync' && content !== undefined).length,
    async [Symbol.asyncDispose]() {
      await replica[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
type Observed = Awaited<ReturnType<typeof observed>>;

/** Versions that documents have in the log: the edits that were accepted. */
async function committedEdits(documents: readonly string[]): Promise<number> {
  const log = createLogger({ service: 'test', pod: 'test', level: 'silent' });
  const pool = createPool(world.databaseUrl, { schema: 'realtime', log });
  try {
    const { rows } = await pool.query<{ edits: number }>(
      'SELECT coalesce(sum(version), 0)::bigint AS edits FROM heads WHERE document_id = ANY($1::uuid[])',
      [documents],
    );
    return rows[0]?.edits ?? 0;
  } finally {
    await pool.end();
  }
}

const insert = (pos: number, text: string, version: number, id?: string) => ({
  type: 'insert',
  pos,
  text,
  version,
  ...(id === undefined ? {} : { id }),
});
const edits = (version: number, ...list: [id: string, changes: unknown][]) => ({
  type: 'edits',
  version,
  edits: list.map(([id, changes]) => ({ id, changes })),
});

async function refused(session: Session, frame: unknown, code: string): Promise<void> {
  session.send(frame);
  expect(await session.next('error', 30_000)).toMatchObject({ code });
}

/** Edits of every result; answers how many there were of each. */
async function editInEveryWay(one: Observed, id: string): Promise<Record<string, number>> {
  const plain = await one.session(id, ada, { client: 'p' });
  const other = await one.session(id, ben, { client: 'v', protocols: v1 });
  for (let edit = 0; edit < 20; edit++) await plain.edit(insert(0, 'x', 0) as never, `e${edit}`);
  plain.send(insert(0, 'x', 0, 'e0'));
  expect(await plain.next('ack')).toMatchObject({ id: 'e0', duplicate: true });
  await plain.edit(insert(0, 'y', 0) as never, 'other');
  await refused(plain, insert(0, 'z', 20, 'other'), 'id_reused');
  for (let stale = 0; stale < 3; stale++) plain.send(insert(0, 'old', 0));
  for (let stale = 0; stale < 3; stale++) await plain.next('out_of_sync');
  await refused(plain, Buffer.from('binary'), 'invalid_frame');
  await refused(plain, 'no JSON', 'invalid_frame');
  await refused(plain, { type: 'unheard' }, 'unknown_type');
  await refused(plain, insert(99_999, 'x', plain.version), 'invalid_operation');
  await refused(plain, { type: 'redo' }, 'nothing_to_redo');
  await refused(plain, { type: 'presence', version: 0, selection: null, data: 'x'.repeat(2000) }, 'too_large');
  await refused(plain, { type: 'auth', token: 'nonsense' }, 'invalid_token');
  await refused(other, { type: 'undo' }, 'nothing_to_undo');
  // Two edits in each of these frames.
  const { version } = plain;
  other.send(edits(version, ['1', [[0, 'a'], version]], ['2', [1, [0, 'b'], version]]));
  await refused(other, edits(version, ['3', [[0, 'c'], version]], ['4', [1, [0, 'd'], version]]), 'in_flight');
  await other.next(({ type, version: base }) => type === 'operations' && base === version);
  await refused(other, edits(version + 2, ['5', [[0, 'c'], version + 2]], ['6', [1]]), 'invalid_operation');
  other.send(edits(9_999, ['7', [[0, 'x']]]));
  await other.next('out_of_sync');
  await plain.next(() => plain.version === version + 2);
  expect(await plain.undo()).toMatchObject({ type: 'ack' });
  world.roles.set(`${id} ${ben.id}`, 'viewer');
  const viewer = await one.session(id, ben, { client: 'viewer' });
  await refused(viewer, insert(0, 'x', 0), 'read_only');
  return {
    accepted: 20 + 1 + 2 + 1,
    duplicate: 1,
    out_of_sync: 3 + 1,
    id_reused: 1,
    invalid_frame: 2,
    unknown_type: 1,
    invalid_operation: 1 + 2,
    nothing_to_redo: 1,
    nothing_to_undo: 1,
    in_flight: 2,
    read_only: 1,
  };
}

/** Calls of the document service are edits like any others. */
async function editByCalls(one: Observed, id: string): Promise<void> {
  const path = `/internal/documents/${id}`;
  expect((await one.replica.peer('PUT', path, { content: 'first' }, ada)).status).toBe(201);
  const written = await one.replica.peer('PUT', `${path}/content`, { content: 'second', version: 1 }, ada);
  expect(written.body).toEqual({ version: 2 });
  // The same text makes no version.
  const same = await one.replica.peer('PUT', `${path}/content`, { content: 'second', version: 2 }, ada);
  expect(same.body).toEqual({ version: 2 });
  expect((await one.replica.peer('PUT', `${path}/content`, { content: 'x', version: 1 }, ada)).status).toBe(412);
  expect((await one.replica.peer('POST', `${path}/restore`, { version: 1 }, ada)).body).toEqual({ version: 3 });
}

it('[RP50, RP51] counts edits of every result, frames, commits and whole texts exactly', async () => {
  await using one = await observed();
  const [id, called, large, flooded] = [
    world.document(ada, ben),
    world.document(ada),
    world.document(ada),
    world.document(ada),
  ];
  const truth = await editInEveryWay(one, id);
  await editByCalls(one, called);
  truth['accepted'] = (truth['accepted'] ?? 0) + 3;
  truth['out_of_sync'] = (truth['out_of_sync'] ?? 0) + 1;

  const whole = 'x'.repeat(16 * 1024 * 1024);
  expect((await one.replica.peer('PUT', `/internal/documents/${large}`, { content: whole }, ada)).status).toBe(201);
  await refused(await one.session(large, ada), insert(0, 'y', 1), 'document_too_large');
  Object.assign(truth, { accepted: truth['accepted'] + 1, document_too_large: 1 });

  const flooder = await one.session(flooded, ada);
  for (let frame = 0; frame < 1_060; frame++) flooder.send({ type: 'unheard' });
  const codes = () => flooder.frames.filter(({ type }) => type === 'error').map(({ code }) => String(code));
  await eventually(() => expect(codes()).toHaveLength(1_060));
  const limited = codes().filter((code) => code === 'rate_limited').length;
  expect(limited).toBeGreaterThan(0);
  Object.assign(truth, { rate_limited: limited, unknown_type: (truth['unknown_type'] ?? 0) + 1_060 - limited });

  const patient = await one.session(called, ada);
  await one.proxy.down();
  await refused(patient, insert(0, 'x', 3, 'late'), 'unavailable');
  await one.proxy.up();
  expect(await patient.edit(insert(0, 'x', 3) as never, 'late')).toMatchObject({ type: 'ack', version: 4 });
  Object.assign(truth, { accepted: truth['accepted'] + 1, unavailable: 1 });

  expect(await committedEdits([id, called, large])).toBe(truth['accepted']);
  await eventually(async () => {
    const { by, value } = await of(one.replica);
    expect(by('collab_edits_total', 'result')).toEqual(truth);
    expect(value('collab_frames_sent_total')).toBe(one.framesReceived());
    expect(value('collab_commit_edits_sum')).toBe(truth['accepted']);
    expect(value('collab_edit_ack_duration_seconds_count')).toBe(truth['accepted']);
    expect(by('collab_resyncs_total', 'reason')).toEqual({ stale: one.textsReceived(), slow: 0, resume: 0 });
  });
  const { value, by } = await of(one.replica);
  const commits = value('collab_commit_edits_count') ?? 0;
  expect(commits).toBe(value('collab_commit_duration_seconds_count'));
  expect(commits).toBeGreaterThan(20);
  expect(commits).toBeLessThanOrEqual(truth['accepted']);
  // What lay before the outage is not in it: the sums are of the order of what a commit takes.
  for (const name of ['collab_commit_duration_seconds', 'collab_edit_ack_duration_seconds']) {
    const mean = (value(`${name}_sum`) ?? 0) / (value(`${name}_count`) ?? 0);
    expect([name, mean > 0.000_1 && mean < 1]).toEqual([name, true]);
    expect(Object.keys(by(`${name}_bucket`, 'le'))).toContain('0.5');
  }
});

it('[RP50] counts connections, open documents, slow clients, and why whole texts were sent', async () => {
  await using one = await observed();
  const documents = [world.document(ada), world.document(ada), world.document(ada)] as const;
  const sessions = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      one.session(documents[index % 3] ?? '', ada, { client: `c${index}`, ...(index < 3 ? { protocols: v1 } : {}) }),
    ),
  );
  const counted = async () => {
    const { value } = await of(one.replica);
    return [value('collab_connections'), value('collab_open_documents')];
  };
  await eventually(async () => expect(await counted()).toEqual([12, 3]));
  for (const session of sessions.slice(4)) await session.close();
  await eventually(async () => expect(await counted()).toEqual([4, 3]));

  const [writer, reader] = [await one.session(documents[0], ada), await one.session(documents[0], ada)];
  const slowClients = async () => (await of(one.replica)).value('collab_slow_clients_total') ?? NaN;
  const text = 'x'.repeat(900_000);
  for (const before of [0, 1]) {
    reader.ws.pause();
    // How much the two systems' buffers take is theirs to say.
    while ((await slowClients()) === before) {
      await writer.edit({ type: 'insert', pos: 0, text });
      await writer.edit({ type: 'delete', pos: 0, len: text.length });
    }
    reader.ws.resume();
    await eventually(() => expect(reader.version).toBe(writer.version));
  }
  for (let resume = 0; resume < 3; resume++)
    await one.session(documents[1], ada, { client: 'r', protocols: v1, query: { since: '7', rev: 'unknown' } });
  writer.send(insert(0, 'x', 0));
  await writer.next('out_of_sync');
  await eventually(async () => {
    const { by, value } = await of(one.replica);
    const texts = by('collab_resyncs_total', 'reason');
    expect(texts).toEqual({ stale: 1, slow: 2, resume: 3 });
    expect(one.textsReceived()).toBe(6);
    expect(value('collab_slow_clients_total')).toBe(2);
    expect(value('collab_frames_sent_total')).toBe(one.framesReceived());
  });
});

describe('upgrades', () => {
  async function knock(url: string, token: string, protocols: readonly string[] = []): Promise<void> {
    const session = openSession(url, token, { protocols });
    await session.opened().catch(() => undefined);
    session.terminate();
  }

  it('[RP52] are counted by the status that their answer stands for', async () => {
    await using one = await observed({ MAX_CONNECTIONS: '3' });
    const id = world.document(ada);
    const url = one.replica.url(id);
    for (let admitted = 0; admitted < 2; admitted++) await one.session(id, ada, { client: `c${admitted}` });
    await one.session(id, ada, { client: 'c2', protocols: v1 });
    for (let full = 0; full < 4; full++) await knock(url, ada.token);
    await knock(url, ada.token, v1);
    await using roomy = await observed();
    const free = roomy.replica.url(id);
    for (let bad = 0; bad < 3; bad++) await knock(free, 'nonsense');
    await knock(free, 'nonsense', v1);
    await knock(roomy.replica.url(randomUUID()), ada.token);
    await knock(roomy.replica.url('no-uuid'), ada.token, v1);
    await knock(roomy.replica.url(id, '?since=x'), ada.token);
    for (const path of ['other', 'another']) await knock(free.replace('/doc/', `/${path}/`), ada.token);
    world.documents.away = true;
    await knock(free, ada.token);
    world.documents.away = false;
    await roomy.session(id, ada);
    const statuses = async ({ replica }: Observed) => {
      const { samples } = await of(replica);
      const found = samples.filter(({ name, labels }) => name === requests && labels['route'] === upgrade.route);
      return Object.fromEntries(found.map(({ labels, value }) => [labels['status'] ?? '', value]));
    };
    await eventually(async () => {
      expect(await statuses(one)).toEqual({ 101: 3, 400: 0, 401: 0, 404: 0, 503: 5 });
      expect(await statuses(roomy)).toEqual({ 101: 1, 400: 1, 401: 4, 404: 2, 503: 1 });
      const { value } = await of(roomy.replica);
      expect(value(requests, { method: 'GET', route: 'unmatched', status: '404' })).toBe(2);
      const times = { ...upgrade, status: '101' };
      expect(value('http_request_duration_seconds_sum', times)).toBeGreaterThan(0);
      expect(value('http_request_duration_seconds_bucket', { ...times, le: '+Inf' })).toBe(1);
    });
  });
});

it('[RP53] shows every label value at 0 from the start, and says what each metric means', async () => {
  const replica = await world.start();
  const { by, value, types, helped } = await of(replica);
  const results = [
    ...['accepted', 'duplicate', 'out_of_sync', 'invalid_frame', 'unknown_type', 'invalid_operation', 'read_only'],
    ...['nothing_to_undo', 'nothing_to_redo', 'document_too_large', 'rate_limited', 'in_flight', 'id_reused'],
    'unavailable',
  ];
  expect(by('collab_edits_total', 'result')).toEqual(Object.fromEntries(results.map((result) => [result, 0])));
  expect(by('collab_resyncs_total', 'reason')).toEqual({ stale: 0, slow: 0, resume: 0 });
  for (const status of ['101', '400', '401', '404', '503']) expect(value(requests, { ...upgrade, status })).toBe(0);
  for (const name of ['collab_frames_sent_total', 'collab_slow_clients_total', 'collab_replica_lag_seconds'])
    expect([name, value(name)]).toEqual([name, 0]);
  expect(Object.keys(by('collab_store_up', 'store')).sort()).toEqual(['postgres', 'rabbitmq', 'redis']);
  expect([...types.keys()].filter((name) => !helped.has(name))).toEqual([]);
  await replica[Symbol.asyncDispose]();
});

it('[RP55] has no more than 500 series, whatever is asked', async () => {
  await using one = await observed();
  const id = world.document(ada);
  const { replica } = one;
  await one.session(id, ada);
  const routes = Object.values(realtimePeerRoutes);
  for (const { path } of routes) {
    const real = path.replace('{id}', id);
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
      for (const body of [undefined, {}, { content: 'x', version: 0 }, { ids: [id] }]) {
        if (body !== undefined && (method === 'GET' || method === 'HEAD')) continue;
        await replica.peer(method, real, body, ada).catch(() => undefined);
        await fetch(replica.service.internalUrl + real, { method });
      }
    }
  }
  for (let path = 0; path < 300; path++) {
    await fetch(`${replica.service.publicUrl}/ws/doc/${path}/${path}`, { method: 'GET' });
  }
  const seen = await of(replica);
  const statuses = [
    ...routes.flatMap(({ answers }) => Object.keys(answers).map(Number)),
    ...[101, problems.upgrade_required.status],
  ];
  const most = mostSeries(seen, { kinds: 27, statuses });
  expect(seen.samples.length).toBeLessThanOrEqual(most);
  expect(most).toBeLessThanOrEqual(500);
  process.stderr.write(
    `series of the realtime service: ${seen.samples.length}, at most ${most}, ${seen.bytes} bytes\n`,
  );
  const routesSeen = new Set(seen.samples.flatMap(({ labels }) => labels['route'] ?? []));
  expect([...routesSeen].filter((route) => route.includes(id) || /\d{2}/.test(route))).toEqual([]);
});

describe('[RP54] the lag of a replica', () => {
  const lagOf = async (replica: Replica) => (await of(replica)).value('collab_replica_lag_seconds') ?? NaN;

  it('grows while it hears of versions that it can not read', async () => {
    await using behind = await observed();
    const ahead = await world.start();
    const id = world.document(ada);
    const [writer, reader] = [
      await ahead.session(id, ada, { client: 'w' }),
      await behind.session(id, ada, { client: 'r' }),
    ];
    await writer.edit({ type: 'insert', pos: 0, text: 'a' });
    await reader.next(() => reader.version === 1);
    await behind.proxy.down();
    await writer.edit({ type: 'insert', pos: 0, text: 'b' });
    await eventually(async () => expect(await lagOf(behind.replica)).toBeGreaterThan(2));
    expect(await lagOf(ahead)).toBe(0);
    await behind.proxy.up();
    await reader.next(() => reader.version === 2);
    await eventually(async () => expect(await lagOf(behind.replica)).toBe(0));
    await ahead[Symbol.asyncDispose]();
  });

  async function withRedis(work: (redis: Proxy, second: Observed) => Promise<void>): Promise<void> {
    const { url, proxy } = await proxied(world.env['REDIS_URL'] ?? '');
    await proxy.up();
    await using second = await observed({ REDIS_URL: url });
    await work(proxy, second);
    await proxy[Symbol.asyncDispose]();
  }

  it.each(['away', 'silent'])('ends within 10 s with Redis %s', async (state) => {
    await withRedis(async (redis, second) => {
      const first = await world.start();
      const id = world.document(ada);
      const [writer, reader] = [
        await first.session(id, ada, { client: 'w' }),
        await second.session(id, ada, { client: 'r' }),
      ];
      await writer.edit({ type: 'insert', pos: 0, text: 'a' });
      await reader.next(() => reader.version === 1);
      if (state === 'away') await redis.down();
      else redis.stall();
      await writer.edit({ type: 'insert', pos: 0, text: 'b' });
      await reader.next(() => reader.version === 2, 10_000);
      expect(await lagOf(second.replica)).toBe(0);
      await first[Symbol.asyncDispose]();
    });
  });

  it('is not taken from news that PostgreSQL knows nothing of', async () => {
    await using one = await observed();
    const id = world.document(ada);
    const session = await one.session(id, ada);
    await session.edit({ type: 'insert', pos: 0, text: 'a' });
    const redis = createRedis({
      url: world.env['REDIS_URL'] ?? '',
      log: createLogger({ service: 'test', pod: 'test', level: 'silent' }),
    });
    const lie = JSON.stringify({ type: 'head', version: 999, rev: 'none' });
    await eventually(async () => expect(await redis.publish(`realtime:document:${id}`, lie)).toBe(1));
    await eventually(async () => expect(await lagOf(one.replica)).toBe(0));
    expect(await session.edit({ type: 'insert', pos: 0, text: 'b' })).toMatchObject({ version: 2 });
    redis.disconnect();
  });
});
