import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EXCHANGE, makeEvent } from '@collabeditor/contracts';
import { createBroker, createLogger } from '@collabeditor/kit';
import { eventually } from '../../../test/harness/eventually.ts';
import { type Harness, newEmail, registered, startUserService } from '../test/service.ts';

let service: Harness;
beforeAll(async () => {
  service = await startUserService();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

const count = async (table: string) =>
  (await service.pool.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)).rows[0]?.n;
const me = async (token: string) => (await service.call('GET', '/auth/me', undefined, { token })).body;

describe('registering', () => {
  it('[US1] makes an account and a session, and has the link mailed', async () => {
    const email = newEmail();
    const { status, body, headers } = await service.call('POST', '/auth/register', {
      email,
      password: 'p4ssword',
      name: ' Ada ',
    });
    expect(status).toBe(201);
    expect(headers.get('cache-control')).toBe('no-store');
    const user = body['user'] as { id: string; createdAt: string };
    expect(body).toEqual({
      user: { id: user.id, email, name: 'Ada', verified: false, createdAt: user.createdAt },
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      expiresIn: 900,
    });
    expect(new Date(user.createdAt).toISOString()).toBe(user.createdAt);
    const { rows } = await service.pool.query<{ password: string }>('SELECT password FROM users WHERE id = $1', [
      user.id,
    ]);
    expect(rows[0]?.password).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect((await service.eventAbout('user.registered', user.id)).data).toEqual({
      userId: user.id,
      email,
      name: 'Ada',
      verified: false,
    });
    expect(await service.mailed('verify_address', email)).toMatch(/^[\w-]{43}$/);
  });

  it('[US1] takes the name from the address where none is given', async () => {
    const { accessToken, email } = await registered(service);
    expect((await me(accessToken))['name']).toBe(email.split('@')[0]);
  });

  it('[US2] takes an address once, however it is written', async () => {
    const local = randomUUID();
    const { accessToken } = await registered(service, `  ${local}.E\u0301@Example.org `);
    expect((await me(accessToken))['email']).toBe(`${local}.\u00c9@Example.org`);
    for (const email of [`${local}.\u00e9@example.org`, `${local.toUpperCase()}.e\u0301@EXAMPLE.ORG`]) {
      const answer = await service.call('POST', '/auth/register', { email, password: 'p4ssword' });
      expect(answer).toMatchObject({ status: 409, body: { code: 'email_taken' } });
    }
  });

  it('[US2] at the same moment gives the address to one', async () => {
    const body = { email: newEmail(), password: 'p4ssword' };
    const answers = await Promise.all([1, 2, 3].map(() => service.call('POST', '/auth/register', body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  });

  const good = { email: 'good@example.org', password: 'p4ssword' };
  it.each<[string, unknown, string]>([
    ['no email', { password: 'p4ssword' }, '/email'],
    ['an address without @', { ...good, email: 'example.org' }, '/email'],
    ['two addresses', { ...good, email: 'a@b.c, d@e.f' }, '/email'],
    ['a line break in the address', { ...good, email: 'a@b.c\nBcc: d@e.f' }, '/email'],
    ['U+0000 in the address', { ...good, email: 'a\u0000@b.c' }, '/email'],
    ['a number as address', { ...good, email: 7 }, '/email'],
    ['a password of 7', { ...good, password: '1234567' }, '/password'],
    ['a password of 1025', { ...good, password: 'x'.repeat(1025) }, '/password'],
    ['a blank name', { ...good, name: '  ' }, '/name'],
    ['a name of 201', { ...good, name: 'x'.repeat(201) }, '/name'],
    ['a lone surrogate in the name', { ...good, name: 'a\ud800' }, '/name'],
    ['null as invitation', { ...good, invitationToken: null }, '/invitationToken'],
  ])('[US3] refuses %s', async (_, body, path) => {
    const before = [await count('users'), await count('outbox'), await count('sessions')];
    const answer = await service.call('POST', '/auth/register', body);
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
    expect(answer.body['errors']).toContainEqual({ path, message: expect.any(String) });
    expect([await count('users'), await count('outbox'), await count('sessions')]).toEqual(before);
  });

  it('[US3] refuses what is not JSON, and takes passwords of 8 and 1024', async () => {
    expect(await service.call('POST', '/auth/register', '{"email"')).toMatchObject({
      status: 400,
      body: { code: 'malformed_json' },
    });
    for (const password of ['12345678', '\u{1f511}'.repeat(8), 'x'.repeat(1024)]) {
      const email = newEmail();
      expect(await service.call('POST', '/auth/register', { email, password })).toMatchObject({ status: 201 });
      expect(await service.call('POST', '/auth/login', { email, password })).toMatchObject({ status: 200 });
    }
  });

  it('[US7] sent again with its key is answered with the same user', async () => {
    const body = { email: newEmail(), password: 'p4ssword' };
    const again = (key: string, password = body.password) =>
      service.call('POST', '/auth/register', { ...body, password }, { headers: { 'Idempotency-Key': key } });
    const first = await again('k1');
    const second = await again('k1');
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body['user']).toEqual(first.body['user']);
    expect(await again('k2')).toMatchObject({ status: 409 });
    expect(await again('k1', 'an0ther password')).toMatchObject({ status: 409 });
  });
});

describe('an address', () => {
  it('[US4] is verified by the mailed link, told once', async () => {
    const { email, id, accessToken } = await registered(service);
    const token = await service.mailed('verify_address', email);
    for (let opened = 0; opened < 2; opened++) {
      expect(await service.call('POST', '/auth/verify', { token })).toMatchObject({
        status: 200,
        body: { user: { id, verified: true } },
      });
    }
    expect((await me(accessToken))['verified']).toBe(true);
    const other = await registered(service);
    await service.call('POST', '/auth/verify', { token: await service.mailed('verify_address', other.email) });
    await service.eventAbout('user.verified', other.id);
    const told = await service.events('user.verified', 2);
    expect(told.filter(({ subject }) => subject === id)).toHaveLength(1);
  });

  it('[US4] is not verified by any other token', async () => {
    const { email } = await registered(service);
    await service.call('POST', '/auth/password/forgot', { email });
    for (const token of ['x', await service.mailed('reset_password', email), '\u0000']) {
      expect(await service.call('POST', '/auth/verify', { token })).toMatchObject({
        status: 401,
        body: { code: 'invalid_token' },
      });
    }
    const late = await service.mailed('verify_address', email);
    service.setTime(() => Date.now() + 8 * 86_400_000);
    expect(await service.call('POST', '/auth/verify', { token: late })).toMatchObject({ status: 401 });
    service.setTime(() => Date.now());
  });

  const invite = async (email: string, token: string) => {
    const log = createLogger({ service: 'test', pod: 't', level: 'silent' });
    await using broker = createBroker({ url: service.amqpUrl, log });
    const data = {
      ...{
        documentId: randomUUID(),
        documentTitle: 'T',
        invitedBy: { id: randomUUID(), email: 'a@b.c', name: 'A' },
        email,
      },
      ...{ userId: null, role: 'editor' as const, invitationId: randomUUID(), invitationToken: token },
    };
    const event = makeEvent({
      id: randomUUID(),
      time: new Date(),
      type: 'user.invited',
      source: '/test',
      subject: data.documentId,
      data,
    });
    await eventually(() => broker.publishConfirmed(EXCHANGE, event.type, event));
  };
  const heard = (token: string) =>
    eventually(async () => {
      const hash = createHash('sha256').update(token).digest();
      expect((await service.pool.query('SELECT 1 FROM invitations WHERE hash = $1', [hash])).rowCount).toBe(1);
    });

  it('[US5] is proved by the invitation that was mailed to it', async () => {
    const [email, token] = [newEmail(), randomUUID()];
    await invite(email.toUpperCase(), token);
    await heard(token);
    const stranger = await registered(service, newEmail(), { invitationToken: token });
    expect((await me(stranger.accessToken))['verified']).toBe(false);
    const invited = await registered(service, email, { invitationToken: token });
    expect((await me(invited.accessToken))['verified']).toBe(true);
    await service.eventAbout('user.verified', invited.id);
  });

  it('[US5] is proved by an invitation whose event is late', async () => {
    const [email, token] = [newEmail(), randomUUID()];
    const early = await registered(service, email, { invitationToken: token });
    expect((await me(early.accessToken))['verified']).toBe(false);
    await invite(email, token);
    await eventually(async () => expect((await me(early.accessToken))['verified']).toBe(true));
  });
});

it('[US6] without a mail server registration counts as verification', async () => {
  await using unmailed = await startUserService({ ADDRESS_VERIFICATION: 'none' });
  const { id, accessToken } = await registered(unmailed);
  expect((await unmailed.call('GET', '/auth/me', undefined, { token: accessToken })).body['verified']).toBe(true);
  expect((await unmailed.events('user.verified', 1)).map(({ subject }) => subject)).toEqual([id]);
});

describe('the own account', () => {
  it('[US8] is answered with an ETag', async () => {
    const { accessToken: token, email, id } = await registered(service);
    const answer = await service.call('GET', '/auth/me', undefined, { token });
    expect(answer).toMatchObject({ status: 200, body: { id, email, verified: false } });
    const etag = answer.headers.get('etag') ?? '';
    expect(
      await service.call('GET', '/auth/me', undefined, { token, headers: { 'If-None-Match': etag } }),
    ).toMatchObject({ status: 304 });
    expect(await service.call('GET', '/auth/me')).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(await service.call('GET', '/auth/me', undefined, { token: `${token}x` })).toMatchObject({ status: 401 });
  });

  it('[US8] takes a new name', async () => {
    const { accessToken: token } = await registered(service);
    expect(await service.call('PATCH', '/auth/me', { name: 'Grace' }, { token })).toMatchObject({
      status: 200,
      body: { name: 'Grace' },
    });
    expect(await service.call('PATCH', '/auth/me', { name: '' }, { token })).toMatchObject({ status: 422 });
    expect((await me(token))['name']).toBe('Grace');
  });

  it('[US8] is deleted for its password', async () => {
    const { accessToken: token, password, email, id, refreshToken } = await registered(service);
    expect(await service.call('DELETE', '/auth/me', { password: 'wrong' }, { token })).toMatchObject({
      status: 401,
      body: { code: 'invalid_credentials' },
    });
    expect(await service.call('DELETE', '/auth/me', {}, { token })).toMatchObject({ status: 422 });
    expect(await service.call('DELETE', '/auth/me', { password }, { token })).toMatchObject({ status: 204 });
    expect((await service.events('user.deleted', 1)).map(({ data }) => data)).toEqual([{ userId: id }]);
    expect(await service.call('GET', '/auth/me', undefined, { token })).toMatchObject({ status: 401 });
    expect(await service.call('POST', '/auth/refresh', { refreshToken })).toMatchObject({
      status: 401,
      body: { code: 'invalid_token' },
    });
    expect(await service.call('POST', '/auth/login', { email, password })).toMatchObject({ status: 401 });
    await registered(service, email);
  });
});

it('[US40] peers find users', async () => {
  const { id, email } = await registered(service);
  const card = { id, email, name: email.split('@')[0], verified: false };
  expect(await service.peer('GET', `/internal/users?email=${email.toUpperCase()}`)).toMatchObject({
    status: 200,
    body: card,
  });
  expect(await service.peer('GET', `/internal/users?email=${newEmail()}`)).toMatchObject({ status: 404 });
  expect(await service.peer('GET', '/internal/users?email=%00')).toMatchObject({ status: 404 });
  expect((await service.peer('POST', '/internal/users/lookup', { ids: [id, randomUUID()] })).body).toEqual({
    users: [card],
  });
  expect(await service.peer('POST', '/internal/users/lookup', { ids: ['x'] })).toMatchObject({ status: 422 });
  expect(await service.peer('GET', `/internal/users?email=${email}`, undefined, 'wrong')).toMatchObject({
    status: 401,
  });
  expect(await service.call('GET', `/internal/users?email=${email}`)).toMatchObject({ status: 404 });
});
