import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freshDatabase, freshVhost, type FreshDatabase, type FreshVhost } from '../../../test/harness/fresh.ts';
import { eventually, startWorld, type Person, type World } from '../test/world.ts';

let database: FreshDatabase;
let vhost: FreshVhost;
let world: World;
let ada: Person;
let ben: Person;

beforeAll(async () => {
  database = await freshDatabase('documents');
  vhost = await freshVhost();
  world = await startWorld(database.url, vhost.amqpUrl);
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await vhost[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

beforeEach(async () => {
  ada = await world.person({ name: 'Ada' });
  ben = await world.person({ name: 'Ben' });
});

const eventTypes = (id: string): string[] =>
  world.events.filter((event) => event.subject === id).map((event) => event.type);

describe('creating', () => {
  it('[DO5, DO33] commits the document with its owner and its event', async () => {
    const answer = await ada.call('POST', '/documents', { title: 'Plan', unknown: 1 });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe(`/documents/${answer.body.id}`);
    expect(answer.body).toEqual({
      id: answer.body.id,
      title: 'Plan',
      ownerId: ada.id,
      role: 'owner',
      version: 0,
      createdAt: answer.body.createdAt,
      updatedAt: answer.body.createdAt,
    });
    expect(new Date(answer.body.createdAt).toISOString()).toBe(answer.body.createdAt);
    await eventually(
      () => eventTypes(answer.body.id),
      (types) => types.length > 0,
    );
    const event = world.events.find(({ subject }) => subject === answer.body.id);
    expect(event?.data).toEqual({ documentId: answer.body.id, ownerId: ada.id, title: 'Plan' });
  });

  it('[DO6] with content is at version 1, written by the owner', async () => {
    const answer = await ada.call('POST', '/documents', { title: 'Plan', content: 'hello' });
    expect(answer.body.version).toBe(1);
    expect(world.texts.texts.get(answer.body.id)).toMatchObject([{ content: 'hello', userId: ada.id }]);
  });

  it('[DO6, DO32] with content writes nothing while realtime-service is away', async () => {
    world.texts.away = true;
    const answer = await ada.call('POST', '/documents', { title: 'Plan', content: 'hello' });
    const without = await ada.call('POST', '/documents', { title: 'Plan' });
    world.texts.away = false;
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
    expect(without.status).toBe(201);
    expect((await ada.call('GET', '/documents')).body.items).toHaveLength(1);
  });

  it('[DO16, DO30] refuses bad input and writes nothing', async () => {
    const bad: [unknown, number, string][] = [
      ['{"title":', 400, 'malformed_json'],
      [{}, 422, 'invalid_request'],
      [[], 422, 'invalid_request'],
      [{ title: '' }, 422, 'invalid_request'],
      [{ title: '   ' }, 422, 'invalid_request'],
      [{ title: 7 }, 422, 'invalid_request'],
      [{ title: 'x'.repeat(301) }, 422, 'invalid_request'],
      ['{"title":"a\\u0000b"}', 422, 'invalid_request'],
      ['{"title":"a\\ud800b"}', 422, 'invalid_request'],
      [{ title: 'T', content: 'a\rb' }, 422, 'invalid_request'],
      [{ title: 'T', content: 'a\u0000b' }, 422, 'invalid_request'],
      ['{"title":"T","content":"\\udc00"}', 422, 'invalid_request'],
      [{ title: 'T', content: 5 }, 422, 'invalid_request'],
      [{ title: 'T', content: 'x'.repeat(16 * 1024 * 1024 + 1) }, 413, 'payload_too_large'],
      [{ title: 'T', content: 'x'.repeat(17 * 1024 * 1024) }, 413, 'payload_too_large'],
    ];
    const calls = world.texts.calls.length;
    for (const [body, status, code] of bad) {
      const answer = await ada.call('POST', '/documents', body);
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    }
    expect(world.texts.calls.slice(calls).filter((call) => call.startsWith('PUT'))).toEqual([]);
    expect((await ada.call('GET', '/documents')).body).toEqual({ items: [], nextCursor: null });
    const long = await ada.call('POST', '/documents', { title: '😀'.repeat(300) });
    expect(long.status).toBe(201);
  });
});

describe('the list', () => {
  it('[DO7] has own and shared documents, newest change first, and finds titles', async () => {
    const [a, b, c] = [
      await world.document(ada, 'Budget 100%'),
      await world.document(ben, 'budget_x'),
      await world.document(ada, 'Holiday'),
    ];
    await world.document(ben, 'private');
    await world.share(ben, b, ada, 'viewer');
    const ids = async (query = ''): Promise<string[]> =>
      (await ada.call('GET', `/documents${query}`)).body.items.map((item) => item.id);
    expect(await ids()).toEqual([c, b, a]);
    await ada.call('PATCH', `/documents/${a}`, { title: 'Budget 100% sure' });
    expect(await ids()).toEqual([a, c, b]);
    expect(await ids('?q=BUDGET')).toEqual([a, b]);
    expect(await ids('?q=%25')).toEqual([a]);
    expect(await ids('?q=t_x')).toEqual([b]);
    expect(await ids('?q=%5C')).toEqual([]);
    await ada.call('DELETE', `/documents/${c}`);
    expect(await ids()).toEqual([a, b]);
    expect(await ids('?trashed=true')).toEqual([c]);
  });

  it('[DO8] pages by key: unchanged documents are each seen once', async () => {
    const made: string[] = [];
    for (let n = 0; n < 12; n++) made.push(await world.document(ada, `D${n}`));
    const seen: string[] = [];
    let cursor: string | null = null;
    for (let turn = 0; ; turn++) {
      const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { body } = await ada.call('GET', `/documents?limit=3${query}`);
      seen.push(...body.items.map((item) => item.id));
      cursor = body.nextCursor;
      if (cursor === null) break;
      await world.document(ada, `new ${turn}`);
      if (turn === 0) await ada.call('DELETE', `/documents/${seen.at(-1)}`);
      if (turn === 1) await ada.call('PATCH', `/documents/${seen.at(-1)}`, { title: 'moved' });
    }
    expect(seen).toEqual(made.reverse());
  });

  it('[DO9, DO16] refuses what is no page', async () => {
    const bad = [
      'limit=0',
      'limit=101',
      'limit=x',
      'cursor=x',
      'cursor=',
      `cursor=${btoa('5 x')}`,
      'q=%00',
      'trashed=maybe',
    ];
    for (const query of [...bad, `cursor=${btoa("5 00000000-0000-0000-0000-00000000000'")}`]) {
      const answer = await ada.call('GET', `/documents?${query}`);
      expect([query, answer.status, answer.body.code]).toEqual([query, 422, 'invalid_request']);
    }
  });
});

describe('a document', () => {
  it('[DO10, DO11] has an ETag of its metadata', async () => {
    const id = await world.document(ada, 'One', 'text');
    const first = await ada.call('GET', `/documents/${id}`);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[^"]+"$/);
    expect((await ada.call('GET', `/documents/${id}`, undefined, { 'if-none-match': etag })).status).toBe(304);

    await ada.call('PUT', `/documents/${id}/content`, { content: 'other' }, { 'if-match': '"1"' });
    expect((await ada.call('GET', `/documents/${id}`)).headers.get('etag')).toBe(etag);

    const patched = await ada.call('PATCH', `/documents/${id}`, { title: 'Two' }, { 'if-match': etag });
    expect([patched.status, patched.body.title]).toEqual([200, 'Two']);
    expect(patched.headers.get('etag')).not.toBe(etag);
    const stale = await ada.call('PATCH', `/documents/${id}`, { title: 'Three' }, { 'if-match': etag });
    expect([stale.status, stale.body.code]).toEqual([412, 'precondition_failed']);
    expect((await ada.call('GET', `/documents/${id}`)).body.title).toBe('Two');
    expect((await ada.call('PATCH', `/documents/${id}`, { title: 'Four' }, { 'if-match': '*' })).status).toBe(200);
  });

  it('[DO15, DO35] tells the newest version heard of', async () => {
    const id = await world.document(ada, 'One', 'text');
    await world.publish('document.changed', { documentId: id, version: 7, updatedAt: '2126-01-01T00:00:00.000Z' });
    const get = async () => (await ada.call('GET', `/documents/${id}`)).body;
    await eventually(get, ({ version }) => version === 7);
    await world.publish('document.changed', { documentId: id, version: 5, updatedAt: '2026-01-01T00:00:00.000Z' });
    world.texts.away = true;
    await world.publish('document.changed', { documentId: id, version: 8, updatedAt: '2026-01-01T00:00:00.000Z' });
    const heard = await eventually(get, ({ version }) => version === 8);
    world.texts.away = false;
    expect(heard.updatedAt).toBe('2126-01-01T00:00:00.000Z');
    const edits = Array.from({ length: 9 }, () => ({ content: '', userId: ada.id, at: new Date() }));
    world.texts.texts.set(id, edits);
    expect((await get()).version).toBe(9);
    expect((await ada.call('GET', '/documents')).body.items[0]?.version).toBe(9);
  });

  it('[DO2] that is unknown, foreign or no UUID looks the same', async () => {
    const foreign = await world.document(ben);
    const answers = [];
    for (const id of [foreign, '00000000-0000-4000-8000-000000000000', 'nonsense', '%00', "'"]) {
      const { status, body } = await ada.call('GET', `/documents/${id}`);
      answers.push([status, body.code]);
    }
    expect(new Set(answers.map(String))).toEqual(new Set(['404,not_found']));
  });
});

describe('the trash', () => {
  it('[DO12, DO13] hides a document from all but its owner and gives it back', async () => {
    const id = await world.document(ada, 'One', 'text');
    await world.share(ada, id, ben, 'editor');
    expect((await ada.call('DELETE', `/documents/${id}`)).status).toBe(204);
    expect((await ada.call('DELETE', `/documents/${id}`)).status).toBe(204);
    expect((await ben.call('GET', `/documents/${id}`)).status).toBe(404);
    expect((await ben.call('GET', `/documents/${id}/content`)).status).toBe(404);
    expect((await ben.call('GET', '/documents')).body.items).toEqual([]);
    expect((await ben.call('GET', '/documents?trashed=true')).body.items).toEqual([]);
    const own = await ada.call('GET', `/documents/${id}`);
    expect([own.status, typeof own.body.trashedAt]).toEqual([200, 'string']);
    expect((await ada.call('GET', `/documents/${id}/content`)).body.content).toBe('text');
    const change = await ada.call('PATCH', `/documents/${id}`, { title: 'Two' });
    expect([change.status, change.body.code]).toEqual([409, 'document_trashed']);
    const put = await ada.call('PUT', `/documents/${id}/content`, { content: '' }, { 'if-match': '"1"' });
    expect(put.status).toBe(409);

    expect((await ben.call('POST', `/documents/${id}/undelete`)).status).toBe(404);
    const back = await ada.call('POST', `/documents/${id}/undelete`);
    expect([back.status, back.body.trashedAt]).toEqual([200, undefined]);
    expect((await ada.call('POST', `/documents/${id}/undelete`)).status).toBe(200);
    expect((await ben.call('GET', `/documents/${id}`)).status).toBe(200);
    await eventually(
      () => eventTypes(id),
      (types) => types.includes('document.restored'),
    );
    expect(eventTypes(id)).toEqual([
      'document.created',
      'permission.changed',
      'user.invited',
      'document.deleted',
      'document.restored',
    ]);
  });
});

describe('a repeated request', () => {
  const post = (key: string, body: unknown, by = ada, path = '/documents') =>
    by.call('POST', path, body, { 'idempotency-key': key });

  it('[DO42] is answered as before and done once', async () => {
    const [first, ...others] = [
      await post('k1', { title: 'One', content: 'x' }),
      await post('k1', { title: 'One', content: 'x' }),
    ];
    expect(first.status).toBe(201);
    for (const other of others) {
      expect([other.status, other.body]).toEqual([201, first.body]);
      expect(other.headers.get('location')).toBe(first.headers.get('location'));
    }
    expect((await post('k1', { title: 'Two' })).body.code).toBe('idempotency_key_reused');
    expect((await post('k1', { title: 'One', content: 'x' }, ben)).body.id).not.toBe(first.body.id);
    expect((await ada.call('GET', '/documents')).body.items).toHaveLength(1);
    await world.share(ada, first.body.id, ben, 'viewer');
    const transfer = () => post('k2', { userId: ben.id }, ada, `/documents/${first.body.id}/transfer`);
    expect([(await transfer()).status, (await transfer()).status]).toEqual([200, 200]);
  });

  it('[DO42] at the same time is done once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => post('k3', { title: 'One' })));
    expect(
      answers.filter(({ status }) => status !== 201).every(({ body }) => body.code === 'request_in_progress'),
    ).toBe(true);
    expect(answers.some(({ status }) => status === 201)).toBe(true);
    expect((await ada.call('GET', '/documents')).body.items).toHaveLength(1);
  });

  it('[DO42] that was refused frees its key, and one whose replica died is done by the next', async () => {
    expect((await post('k4', { title: '' })).status).toBe(422);
    const made = await post('k4', { title: 'One' });
    expect(made.status).toBe(201);
    // As if the replica had died after the commit and before it kept the answer.
    await world.db.query(`UPDATE idempotency SET answer = NULL WHERE user_id = $1`, [ada.id]);
    expect((await post('k4', { title: 'One' })).body.code).toBe('request_in_progress');
    await world.db.query(`UPDATE idempotency SET claimed_at = now() - interval '2 min' WHERE user_id = $1`, [ada.id]);
    expect((await post('k4', { title: 'One' })).body.id).toBe(made.body.id);
    expect((await ada.call('GET', '/documents')).body.items).toHaveLength(1);
  });

  it('[DO42] refuses a key that is none, and makes a new link each time', async () => {
    for (const key of ['', 'a b', 'x'.repeat(256)]) expect((await post(key, { title: 'One' })).status).toBe(422);
    const id = await world.document(ada);
    const link = async () => (await post('k5', { role: 'viewer' }, ada, `/documents/${id}/link`)).body.token;
    expect(await link()).not.toBe(await link());
  });
});
