import { describe, expect, it } from '@jest/globals';
import type { KeySource, SecretSpec } from '../resources/types.ts';
import {
  decodeSecret,
  derivePassword,
  encodeSecret,
  externalProblems,
  keyHashes,
  secretContents,
  type SecretData,
} from './secrets.ts';

const seed = 'seed';

function contents(
  keys: Record<string, KeySource>,
  known: Record<string, SecretData> = {},
  name = 'team-user-service',
): SecretData {
  const metadata = { name, namespace: 'n', labels: {} };
  const spec: SecretSpec = { manifest: { apiVersion: 'v1', kind: 'Secret', metadata }, retained: false, keys };
  return secretContents(spec, { seed, data: (secret) => known[secret], now: new Date('2026-01-01T00:00:00.5Z') });
}

describe('passwords', () => {
  it('[OC28] are computed from the seed, different for every key, letters and digits only', () => {
    const made = contents({ a: { kind: 'password' }, b: { kind: 'password' } });
    expect(made['a']).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(made['a']).not.toBe(made['b']);
    expect(contents({ a: { kind: 'password' } })).toEqual({ a: made['a'] });
    expect(derivePassword('another', 'team-user-service/a')).not.toBe(made['a']);
  });

  it('[OC28] stay as they are where the Secret holds one', () => {
    expect(contents({ a: { kind: 'password' } }, { 'team-user-service': { a: 'old', other: 'x' } })).toEqual({
      a: 'old',
    });
    expect(contents({ a: { kind: 'password' } }, { 'team-user-service': { a: '' } })['a']).toHaveLength(32);
  });

  it('[OC28] of signing keys are made once', () => {
    const made = contents({ 'keys.json': { kind: 'signing-keys' } });
    const parsed: unknown = JSON.parse(made['keys.json'] ?? '');
    expect(parsed).toMatchObject({
      keys: [{ use: 'sign', created: '2026-01-01T00:00:00Z', jwk: { kty: 'OKP', crv: 'Ed25519' } }],
    });
    expect(contents({ 'keys.json': { kind: 'signing-keys' } }, { 'team-user-service': made })).toEqual(made);
    expect(
      contents({ 'keys.json': { kind: 'signing-keys' } }, { 'team-user-service': { 'keys.json': 'broken' } }),
    ).not.toEqual({ 'keys.json': 'broken' });
  });
});

describe('URLs', () => {
  const password = { secret: 'team-user-service', key: 'a' };

  it('[OC29] follow the password of another key, also one that is still to be made', () => {
    const source: KeySource = { kind: 'template', template: 'redis://user:{password}@host', password };
    expect(contents({ url: source }, { 'team-user-service': { a: 'p/w' } })).toEqual({
      url: 'redis://user:p%2Fw@host',
    });
    const made = contents({ a: { kind: 'password' }, url: source });
    expect(made['url']).toBe(`redis://user:${made['a'] ?? ''}@host`);
  });

  it('[OC29] come from the external Secret: with an account of our own, else per service, else shared', () => {
    const external = { kind: 'external', store: 'postgres', secretName: 'db', service: 'user' } as const;
    const own: KeySource = { ...external, role: { username: 'collab_users', password } };
    const shared: KeySource = { ...external, role: null };
    const db = { uri: 'postgresql://app:x@db/collab?sslmode=require', adminUri: 'postgresql://root:r@db:5433/collab' };
    expect(contents({ url: own }, { db, 'team-user-service': { a: 'pw' } })).toEqual({
      url: 'postgresql://collab_users:pw@db:5433/collab',
    });
    expect(contents({ url: shared }, { db })).toEqual({ url: db.uri });
    expect(contents({ url: shared }, { db: { ...db, 'uri.user': 'postgresql://u@db/collab' } })).toEqual({
      url: 'postgresql://u@db/collab',
    });
    expect(contents({ url: shared })).toEqual({});
  });
});

describe('external Secrets', () => {
  it('[OC30] are refused by key, never by value', () => {
    const problems = externalProblems('rabbitmq', {
      uri: 'http://u:verysecret@host',
      adminUri: 'verysecret',
      managementUri: 'amqp://host',
      'ca.crt': 'x',
    });
    expect(problems).toEqual([
      'key uri must begin with amqp:// or amqps://',
      'key adminUri is no URI',
      'key managementUri must begin with http:// or https://',
    ]);
    expect(externalProblems('postgres', { uri: 'postgres://u:p@h/d', 'uri.user': 'postgresql://u:p@h/d' })).toEqual([]);
  });
});

describe('the data of a Secret', () => {
  it('[OC28] survives both ways, and its hashes show each key alone', () => {
    const data = { a: 'ä€', b: '' };
    expect(
      decodeSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: encodeSecret(data) }),
    ).toEqual(data);
    const [before, after] = [keyHashes(data), keyHashes({ ...data, a: 'x' })];
    expect(before['a']).not.toBe(after['a']);
    expect(before['b']).toBe(after['b']);
  });
});
