import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/harness/eventually.ts';
import { proxied } from '../../../test/harness/proxy.ts';
import { openSession } from '../test/session.ts';
import { type Person, type Replica, startWorld, type World } from '../test/world.ts';

let world: World;
let replica: Replica;
let ada: Person;

beforeAll(async () => {
  world = await startWorld();
  replica = await world.start();
  ada = await world.person('Ada');
});
afterAll(async () => world[Symbol.asyncDispose]());

/** Status of a refused upgrade. */
async function refusal(url: string, token: string, protocols: string[] = []): Promise<number> {
  const session = openSession(url, token, { protocols });
  const error = await session.opened().then(
    () => new Error('it was let in'),
    (cause: unknown) => cause,
  );
  session.terminate();
  return Number(/refused: (\d+)/.exec(String(error))?.[1] ?? 0);
}

describe('an upgrade', () => {
  it('[RP11] takes the token from the header, a subprotocol or the query, and names the dialect', async () => {
    const id = world.document(ada);
    for (const [options, protocol] of [
      [{ tokenIn: 'header' }, ''],
      [{ tokenIn: 'query' }, ''],
      [{ tokenIn: 'protocol', protocols: ['collab.plain'] }, 'collab.plain'],
      [{ tokenIn: 'header', protocols: ['collab.v1'] }, 'collab.v1'],
    ] as const) {
      const session = await replica.session(id, ada, options);
      expect(session.ws.protocol).toBe(protocol);
      await session.close();
    }
  });

  it('[RP12] is refused before it happens: 400, 401, 404', async () => {
    const id = world.document(ada);
    expect(await refusal(replica.url(id), 'nonsense')).toBe(401);
    expect(await refusal(replica.url(id), (await world.person('Eve')).token)).toBe(404);
    expect(await refusal(replica.url(randomUUID()), ada.token)).toBe(404);
    expect(await refusal(replica.url('no-uuid'), ada.token)).toBe(404);
    expect(await refusal(replica.url(id).replace('/doc/', '/other/'), ada.token)).toBe(404);
    expect(await refusal(replica.url(id, '?client=a%20b'), ada.token)).toBe(400);
    expect(await refusal(replica.url(id, '?since=-1'), ada.token)).toBe(400);
  });

  it('[RP12] of collab.v1 is told by a close code, which browsers can read', async () => {
    const session = openSession(replica.url(world.document(ada)), 'nonsense', { protocols: ['collab.v1'] });
    expect((await session.closed()).code).toBe(4401);
    const other = openSession(replica.url(randomUUID()), ada.token, { protocols: ['collab.v1'] });
    expect((await other.closed()).code).toBe(4404);
  });

  it('[RP17] is refused with 503 when the replica is full', async () => {
    await using small = await world.start({ MAX_CONNECTIONS: '1' });
    const id = world.document(ada);
    await small.session(id, ada);
    expect(await refusal(small.url(id), ada.token)).toBe(503);
  });
});

describe('rights', () => {
  it('[RP13] reach open sessions: role, revoked, deleted', async () => {
    const ben = await world.person('Ben');
    const id = world.document(ada, ben);
    const [owner, editor] = [await replica.session(id, ada), await replica.session(id, ben)];
    world.roles.set(`${id} ${ben.id}`, 'viewer');
    await world.publish('permission.changed', { documentId: id, userId: ben.id, role: 'viewer', revision: 2 });
    expect(await editor.next('role')).toEqual({ type: 'role', role: 'viewer' });
    expect(await editor.edit({ type: 'insert', pos: 0, text: 'x' })).toMatchObject({ code: 'read_only' });
    world.roles.delete(`${id} ${ben.id}`);
    await world.publish('permission.revoked', { documentId: id, userId: ben.id, revision: 3 });
    expect((await editor.closed()).code).toBe(4403);
    expect(await owner.next('peer_left')).toMatchObject({ userId: ben.id });
    await world.publish('document.deleted', { documentId: id });
    expect((await owner.closed()).code).toBe(4404);
  });

  it('[RP14] end with the token, unless it is renewed', async () => {
    const id = world.document(ada);
    const brief = { ...ada, token: await world.tokenOf(ada, '3s') };
    const [renewed, ended] = [
      await replica.session(id, brief, { client: 'r' }),
      await replica.session(id, brief, { client: 'e' }),
    ];
    expect(await renewed.next('auth_expiring')).toMatchObject({ at: expect.stringMatching(/Z$/) });
    renewed.send({ type: 'auth', token: 'nonsense' });
    expect(await renewed.next('error')).toMatchObject({ code: 'invalid_token' });
    renewed.send({ type: 'auth', token: ada.token });
    expect((await ended.closed()).code).toBe(4401);
    expect(await renewed.edit({ type: 'insert', pos: 0, text: 'x' })).toMatchObject({ type: 'ack' });
    renewed.send({ type: 'auth', token: (await world.person('Eve')).token });
    expect((await renewed.closed()).code).toBe(4401);
  });
});

describe('a replica that stops', () => {
  it('[RP18] answers what was sent, tells its sessions to reconnect and closes them', async () => {
    const stopping = await world.start({ DRAIN_SECONDS: '1' });
    const id = world.document(ada);
    const session = await stopping.session(id, ada);
    for (let version = 0; version < 20; version++) session.send({ type: 'insert', pos: 0, text: 'x', version });
    await session.next('ack');
    const stopped = stopping.stop();
    expect(await session.next('reconnect')).toEqual({ type: 'reconnect', afterMs: expect.any(Number) });
    expect((await session.closed()).code).toBe(1012);
    expect(session.version).toBe(20);
    await stopped;
  });
});

describe('PostgreSQL away', () => {
  it('[RP24] makes edits wait, then answers unavailable; sockets stay open and it heals', async () => {
    const { url, proxy } = await proxied(world.env['DATABASE_URL'] ?? '');
    await proxy.up();
    await using weak = await world.start({ DATABASE_URL: url });
    const session = await weak.session(world.document(ada), ada);
    await session.edit({ type: 'insert', pos: 0, text: 'a' }, 'one');
    await proxy.down();
    session.send({ type: 'insert', pos: 1, text: 'b', version: 1, id: 'two' });
    expect(await session.next('error', 20_000)).toMatchObject({ code: 'unavailable', id: 'two' });
    await proxy.up();
    expect(await session.edit({ type: 'insert', pos: 1, text: 'b' }, 'two')).toMatchObject({ type: 'ack', version: 2 });
    await proxy[Symbol.asyncDispose]();
  });
});

describe('the document service', () => {
  it('[RP21] writes the first content once', async () => {
    const id = world.document(ada);
    expect(await replica.peer('PUT', `/internal/documents/${id}`, { content: 'Hi' }, ada)).toEqual({
      status: 201,
      body: { version: 1 },
    });
    expect(await replica.peer('PUT', `/internal/documents/${id}`, { content: 'Hi' }, ada)).toEqual({
      status: 200,
      body: { version: 1 },
    });
    expect((await replica.peer('PUT', `/internal/documents/${randomUUID()}`, { content: 'a\rb' }, ada)).status).toBe(
      422,
    );
  });

  it('[RP22] reads and writes text, history and versions', async () => {
    const id = world.document(ada);
    await replica.peer('PUT', `/internal/documents/${id}`, { content: 'one' }, ada);
    const put = (content: string, version: number) =>
      replica.peer('PUT', `/internal/documents/${id}/content`, { content, version }, ada);
    expect(await put('one two', 1)).toEqual({ status: 200, body: { version: 2 } });
    expect((await put('three', 1)).status).toBe(412);
    expect(await replica.peer('POST', `/internal/documents/${id}/restore`, { version: 1 }, ada)).toEqual({
      status: 200,
      body: { version: 3 },
    });
    expect((await replica.peer('GET', `/internal/documents/${id}/content?version=2`)).body).toEqual({
      content: 'one two',
      version: 2,
    });
    expect((await replica.peer('GET', `/internal/documents/${id}/content`)).body).toEqual({
      content: 'one',
      version: 3,
    });
    expect((await replica.peer('GET', `/internal/documents/${id}/content?version=9`)).status).toBe(404);
    const page = await replica.peer('GET', `/internal/documents/${id}/history?limit=2`);
    expect(page.body).toMatchObject({
      items: [{ version: 3, userId: ada.id }, { version: 2 }],
      nextCursor: expect.any(String),
    });
    const rest = await replica.peer(
      'GET',
      `/internal/documents/${id}/history?limit=2&cursor=${String(page.body['nextCursor'])}`,
    );
    expect(rest.body).toMatchObject({ items: [{ version: 1 }], nextCursor: null });
    const other = randomUUID();
    expect((await replica.peer('POST', '/internal/documents/versions', { ids: [id, other] })).body).toEqual({
      versions: [
        { id, version: 3, updatedAt: expect.any(String) },
        { id: other, version: 0, updatedAt: null },
      ],
    });
  });

  it('[RP23] removes a text for good', async () => {
    const id = world.document(ada);
    const session = await replica.session(id, ada);
    await session.edit({ type: 'insert', pos: 0, text: 'gone' });
    expect((await replica.peer('DELETE', `/internal/documents/${id}`)).status).toBe(204);
    expect((await session.closed()).code).toBe(4404);
    expect((await replica.peer('GET', `/internal/documents/${id}/content`)).body).toEqual({ content: '', version: 0 });
  });
});

describe('telemetry', () => {
  it('[RP25] counts connections, documents, edits, commits and frames', async () => {
    const session = await replica.session(world.document(ada), ada);
    await session.edit({ type: 'insert', pos: 0, text: 'x' });
    session.send({ type: 'insert', pos: 0, text: 'x', version: 0 });
    await session.next('out_of_sync');
    const text = await (await fetch(`${replica.service.telemetryUrl}/metrics`)).text();
    for (const name of [
      'collab_connections',
      'collab_open_documents',
      'collab_edits_total{result="accepted"}',
      'collab_edits_total{result="out_of_sync"}',
      'collab_commit_duration_seconds_count',
      'collab_commit_edits_sum',
      'collab_edit_ack_duration_seconds_count',
      'collab_frames_sent_total',
      'collab_resyncs_total{reason="stale"}',
    ]) {
      const line = text.split('\n').find((one) => one.startsWith(`${name} `));
      expect([name, Number(line?.split(' ')[1])]).toEqual([name, expect.any(Number)]);
      expect(Number(line?.split(' ')[1])).toBeGreaterThan(0);
    }
    expect(text).toContain('collab_slow_clients_total');
  });

  it('[RP26] announces a change once per document and interval, the last one too', async () => {
    const id = world.document(ada);
    const session = await replica.session(id, ada);
    const changes: number[] = [];
    await using listener = await world.listen((event) => {
      if (event.type === 'document.changed' && event.subject === id) changes.push(event.data.version);
    });
    for (let edit = 0; edit < 30; edit++) await session.edit({ type: 'insert', pos: 0, text: 'x' });
    await eventually(() => expect(changes.at(-1)).toBe(30));
    expect(changes.length).toBeLessThanOrEqual(3);
    expect(listener).toBeDefined();
  });
});
