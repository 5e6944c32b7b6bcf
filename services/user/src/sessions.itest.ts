import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { eventually } from '../../../test/harness/eventually.ts';
import { type Harness, issuer, newEmail, newKey, registered, startUserService } from '../test/service.ts';

let service: Harness;
beforeAll(async () => {
  service = await startUserService();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

const login = (email: string, password: string) => service.call('POST', '/auth/login', { email, password });
const refresh = (refreshToken: unknown) => service.call('POST', '/auth/refresh', { refreshToken });

describe('login', () => {
  it('[US10] answers a session, whatever the case of the address', async () => {
    const { email, password, id } = await registered(service);
    const answer = await login(` ${email.toUpperCase()}`, password);
    expect(answer).toMatchObject({ status: 200, body: { user: { id, email }, expiresIn: 900 } });
    expect(await refresh(answer.body['refreshToken'])).toMatchObject({ status: 200 });
  });

  it('[US10] tells a wrong password from an unknown email by nothing', async () => {
    const { email } = await registered(service);
    const answers = [
      await login(email, 'wrong'),
      await login(newEmail(), 'wrong'),
      await login('no address\u0000', ''),
    ];
    const [first] = answers;
    for (const answer of answers) expect(answer).toMatchObject({ status: 401, body: first?.body ?? {} });
    expect(first?.body).toMatchObject({ code: 'invalid_credentials' });
  });

  it('[US11] is limited after 10 failures, even in one burst', async () => {
    const { email, password } = await registered(service);
    const burst = await Promise.all(Array.from({ length: 30 }, () => login(email, 'wrong')));
    const failed = burst.filter(({ status }) => status === 401).length;
    const limited = burst.filter(({ status }) => status === 429);
    expect(failed + limited.length).toBe(30);
    expect(failed).toBeGreaterThanOrEqual(10);
    expect(failed).toBeLessThanOrEqual(12);
    expect(Number(limited[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await login(email.toUpperCase(), password)).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    const other = await registered(service);
    expect(await login(other.email, other.password)).toMatchObject({ status: 200 });
  });

  it('[US11] is not limited by successes, nor while Redis is away', async () => {
    await using open = await startUserService({ REDIS_URL: 'redis://127.0.0.1:1', LOGIN_FAILURES_PER_EMAIL: '1' });
    const { email, password } = await registered(open);
    for (let failed = 0; failed < 3; failed++)
      expect(await open.call('POST', '/auth/login', { email, password: 'wrong' })).toMatchObject({ status: 401 });
    expect(await open.call('POST', '/auth/login', { email, password })).toMatchObject({ status: 200 });
    const frequent = await registered(service);
    for (let n = 0; n < 12; n++) expect(await login(frequent.email, frequent.password)).toMatchObject({ status: 200 });
  });
});

describe('a refresh token', () => {
  it('[US12] is exchanged once; its second use ends the family', async () => {
    const { refreshToken } = await registered(service);
    const next = await refresh(refreshToken);
    expect(next).toMatchObject({ status: 200, body: { accessToken: expect.any(String), expiresIn: 900 } });
    const third = await refresh(next.body['refreshToken']);
    expect(third.status).toBe(200);
    expect(await refresh(refreshToken)).toMatchObject({ status: 401, body: { code: 'token_reused' } });
    expect(await refresh(third.body['refreshToken'])).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    expect(await refresh(refreshToken)).toMatchObject({ status: 401, body: { code: 'token_reused' } });
  });

  it('[US12] used twice at the same moment ends the family', async () => {
    const { refreshToken } = await registered(service);
    const answers = await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    const pair = answers.find(({ status }) => status === 200);
    expect(await refresh(pair?.body['refreshToken'])).toMatchObject({ status: 401 });
  });

  it('[US12] that is unknown or expired is invalid', async () => {
    const { refreshToken } = await registered(service);
    expect(await refresh('unknown')).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    expect(await refresh(7)).toMatchObject({ status: 422 });
    service.setTime(() => Date.now() + 721 * 3_600_000);
    expect(await refresh(refreshToken)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    service.setTime(() => Date.now());
  });

  it('[US13] dies with its family at logout', async () => {
    const { email, password, refreshToken } = await registered(service);
    const other = (await login(email, password)).body['refreshToken'];
    const next = (await refresh(refreshToken)).body['refreshToken'];
    for (const token of [next, next, refreshToken, 'unknown']) {
      expect(await service.call('POST', '/auth/logout', { refreshToken: token })).toMatchObject({ status: 204 });
    }
    expect(await service.call('POST', '/auth/logout', {})).toMatchObject({ status: 422 });
    expect(await refresh(next)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    expect(await refresh(other)).toMatchObject({ status: 200 });
  });

  it('[US13] dies with all of them at logout-all', async () => {
    const { email, password, refreshToken, accessToken: token } = await registered(service);
    const other = (await login(email, password)).body['refreshToken'];
    expect(await service.call('POST', '/auth/logout-all')).toMatchObject({ status: 401 });
    expect(await service.call('POST', '/auth/logout-all', undefined, { token })).toMatchObject({ status: 204 });
    for (const dead of [refreshToken, other]) expect(await refresh(dead)).toMatchObject({ status: 401 });
  });

  it('[US14] is kept nowhere', async () => {
    const { email, refreshToken, password, accessToken } = await registered(service);
    await login(email, 'wrong');
    const verify = await service.mailed('verify_address', email);
    const tables = ['users', 'sessions', 'refresh_tokens', 'mailed_tokens', 'invitations'];
    const dump = (
      await Promise.all(tables.map((table) => service.pool.query<{ t: string }>(`SELECT t::text FROM ${table} AS t`)))
    ).flatMap(({ rows }) => rows);
    const kept = JSON.stringify(dump) + service.logLines();
    expect(service.logLines()).toContain('/auth/login');
    for (const secret of [refreshToken, verify, password, accessToken]) expect(kept).not.toContain(secret);
  });
});

describe('a password', () => {
  it('[US20] is changed for the current one', async () => {
    const { email, password, refreshToken, accessToken: token } = await registered(service);
    const change = (current: string, next: string) =>
      service.call('POST', '/auth/password', { current, new: next }, { token });
    expect(await change('wrong', 'new password')).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
    expect(await change(password, 'short')).toMatchObject({ status: 422 });
    expect(await change(password, 'new password')).toMatchObject({ status: 204 });
    expect(await refresh(refreshToken)).toMatchObject({ status: 401 });
    expect(await login(email, password)).toMatchObject({ status: 401 });
    expect(await login(email, 'new password')).toMatchObject({ status: 200 });
    const mails = await eventually(async () => {
      const found = (await service.events('mail.requested', 1)).filter(
        ({ data }) => data.kind === 'password_changed' && data.to.email === email,
      );
      expect(found).toHaveLength(1);
      return found;
    });
    expect(mails[0]?.data.token).toBeNull();
  });

  it('[US21] that is forgotten is mailed to a known address only', async () => {
    const { email } = await registered(service);
    for (const address of [newEmail(), 'nonsense', '\u0000', email]) {
      const answer = await service.call('POST', '/auth/password/forgot', { email: address });
      expect(answer).toMatchObject({ status: 202, body: {} });
    }
    expect(await service.call('POST', '/auth/password/forgot', {})).toMatchObject({ status: 422 });
    await service.mailed('reset_password', email);
    const resets = (await service.events('mail.requested', 1)).filter(({ data }) => data.kind === 'reset_password');
    expect(resets).toHaveLength(1);
  });

  it('[US22] is set by the mailed link, once', async () => {
    const { email, refreshToken, accessToken: token } = await registered(service);
    await service.call('POST', '/auth/password/forgot', { email });
    const mailed = await service.mailed('reset_password', email);
    const reset = (password: string, key = mailed) =>
      service.call('POST', '/auth/password/reset', { token: key, password });
    expect(await reset('short')).toMatchObject({ status: 422 });
    expect(await reset('new password', 'unknown')).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    expect(await reset('new password')).toMatchObject({ status: 204 });
    expect(await reset('newer password')).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    expect(await refresh(refreshToken)).toMatchObject({ status: 401 });
    expect(await login(email, 'new password')).toMatchObject({ status: 200, body: { user: { verified: true } } });
    expect((await service.call('GET', '/auth/me', undefined, { token })).body['verified']).toBe(true);
  });
});

describe('keys', () => {
  const keySet = async () =>
    (await service.call('GET', '/auth/.well-known/jwks.json')).body['keys'] as Record<string, string>[];

  it('[US30] sign tokens that anybody can verify', async () => {
    const { accessToken, id, email } = await registered(service);
    const remote = createRemoteJWKSet(new URL(`${service.internalUrl}/auth/.well-known/jwks.json`));
    const { payload, protectedHeader } = await jwtVerify(accessToken, remote, { issuer, audience: 'collab' });
    expect(protectedHeader).toMatchObject({ alg: 'EdDSA', kid: 'first' });
    expect(payload).toMatchObject({ sub: id, email, name: email.split('@')[0] });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(900);
    for (const key of await keySet()) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  });

  it('[US31] follow their file', async () => {
    const { accessToken: old, email, password } = await registered(service);
    const [first] = await keySet();
    const write = (content: unknown) =>
      writeFile(service.keysFile, typeof content === 'string' ? content : JSON.stringify(content));
    const second = newKey('second');
    const retired = { kid: 'first', use: 'publish', jwk: { ...newKey('first').jwk, x: first?.['x'] } };
    await write({ keys: [second, retired] });
    await eventually(async () => expect((await keySet()).map(({ kid }) => kid)).toEqual(['second', 'first']));
    const session = await login(email, password);
    expect(decodeProtectedHeader(String(session.body['accessToken'])).kid).toBe('second');
    for (const token of [old, String(session.body['accessToken'])]) {
      expect(await service.call('GET', '/auth/me', undefined, { token })).toMatchObject({ status: 200 });
    }
    await write('{"keys": []}');
    await eventually(() => expect(service.logLines()).toContain('signing_keys_unusable'));
    expect((await keySet()).map(({ kid }) => kid)).toEqual(['second', 'first']);
  });
});
