import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freshDatabase, freshVhost, type FreshDatabase, type FreshVhost } from '../../../test/harness/fresh.ts';
import { startWorld, type Person, type World } from '../test/world.ts';
import { contentSecurityPolicy } from './page.ts';

let database: FreshDatabase;
let vhost: FreshVhost;
let world: World;
let ada: Person;
let ben: Person;
let id: string;

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
  world.texts.floor = 0;
  ada = await world.person();
  ben = await world.person();
  id = await world.document(ada, 'Plan', 'one');
});

const put = (content: unknown, ifMatch?: string, by = ada) =>
  by.call('PUT', `/documents/${id}/content`, { content }, ifMatch === undefined ? {} : { 'if-match': ifMatch });

describe('content', () => {
  it('[DO28] is what realtime-service has, with its version as ETag', async () => {
    await put('two', '"1"');
    const now = await ada.call('GET', `/documents/${id}/content`);
    expect([now.status, now.body, now.headers.get('etag')]).toEqual([200, { content: 'two', version: 2 }, '"2"']);
    expect((await ada.call('GET', `/documents/${id}/content?version=1`)).body).toEqual({ content: 'one', version: 1 });
    expect((await ada.call('GET', `/documents/${id}/content`, undefined, { 'if-none-match': '"2"' })).status).toBe(304);
    expect((await ada.call('GET', `/documents/${id}/content?version=9`)).status).toBe(404);
    for (const version of ['x', '-1', '1.5', '']) {
      expect((await ada.call('GET', `/documents/${id}/content?version=${version}`)).status).toBe(422);
    }
    world.texts.floor = 2;
    expect(await ada.call('GET', `/documents/${id}/content?version=1`)).toMatchObject({
      status: 410,
      body: { code: 'version_compacted' },
    });
    world.texts.floor = 0;
    const empty = await world.document(ada);
    expect((await ada.call('GET', `/documents/${empty}/content`)).body).toEqual({ content: '', version: 0 });
  });

  it('[DO29] is replaced at the version that If-Match names', async () => {
    expect(await put('two')).toMatchObject({ status: 428, body: { code: 'precondition_required' } });
    for (const stale of ['"0"', '"7"', 'W/"1"', '1', '"x"', '"8", "9"']) {
      expect(await put('two', stale)).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    }
    expect(world.texts.texts.get(id)).toHaveLength(1);
    const done = await put('two', '"1"');
    expect([done.status, done.body, done.headers.get('etag')]).toEqual([200, { version: 2 }, '"2"']);
    expect((await put('three', '*')).body).toEqual({ version: 3 });
    expect((await put('four', '"2", "3"')).body).toEqual({ version: 4 });
  });

  it('[DO30] that is no text reaches nobody', async () => {
    const calls = world.texts.calls.length;
    for (const body of [
      '{"content":"a\\rb"}',
      '{"content":"a\\u0000"}',
      '{"content":"\\ud83d"}',
      '{}',
      '{"content":null}',
    ]) {
      const answer = await ada.call('PUT', `/documents/${id}/content`, body, { 'if-match': '"1"' });
      expect([answer.status, answer.body.code, answer.body.errors[0]?.path]).toEqual([
        422,
        'invalid_request',
        '/content',
      ]);
    }
    expect(await put('é'.repeat(8 * 1024 * 1024 + 1), '"1"')).toMatchObject({
      status: 413,
      body: { code: 'payload_too_large' },
    });
    expect(world.texts.calls.length).toBe(calls);
  });

  it('[DO31] has a history, and old text comes back as a new edit of the caller', async () => {
    await world.share(ada, id, ben, 'editor');
    await put('two', '"1"', ben);
    expect((await ben.call('POST', `/documents/${id}/restore`, { version: 1 })).body).toEqual({ version: 3 });
    const { body } = await ada.call('GET', `/documents/${id}/history`);
    expect(body.items.map(({ version, userId }) => [version, userId])).toEqual([
      [3, ben.id],
      [2, ben.id],
      [1, ada.id],
    ]);
    expect((await ada.call('GET', `/documents/${id}/content`)).body.content).toBe('one');
    expect((await ada.call('GET', `/documents/${id}`)).body.version).toBe(3);
    expect((await ada.call('POST', `/documents/${id}/restore`, { version: 99 })).status).toBe(404);
    expect((await ada.call('POST', `/documents/${id}/restore`, { version: '1' })).status).toBe(422);
    expect((await ada.call('GET', `/documents/${id}/history?limit=101`)).status).toBe(422);
  });

  it('[DO32] is unavailable while realtime-service is away; the rest goes on', async () => {
    world.texts.away = true;
    const answers = [
      await ada.call('GET', `/documents/${id}/content`),
      await put('two', '"1"'),
      await ada.call('GET', `/documents/${id}/history`),
      await ada.call('POST', `/documents/${id}/restore`, { version: 1 }),
    ];
    const others = [
      await ada.call('GET', `/documents/${id}`),
      await ada.call('GET', '/documents'),
      await ada.call('PATCH', `/documents/${id}`, { title: 'x' }),
      await ada.call('POST', `/documents/${id}/share`, { email: ben.email, role: 'viewer' }),
    ];
    world.texts.away = false;
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(Array(4).fill([503, 'unavailable']));
    expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 201]);
  });
});

describe('the page', () => {
  it('[DO40] is served with a policy that allows exactly its own script and style', async () => {
    for (const path of ['/', '/verify?token=x', '/invitation?token=x', '/reset?token=x']) {
      const { status, headers, body } = await world.send('GET', `${world.service.publicUrl}${path}`);
      expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toBe(contentSecurityPolicy(body.content));
      expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[\w+/=]{44}'; style-src 'sha256-[\w+/=]{44}';/);
      expect(policy).not.toContain('unsafe');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      // Nothing of the page may need what the policy forbids.
      expect(body.content).not.toMatch(/\son\w+="|\sstyle="|javascript:|src="(?!data:)|https?:\/\//);
    }
    expect((await world.send('GET', `${world.service.publicUrl}/other`)).status).toBe(404);
  });
});
