import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { createVerifier, type Verifier } from './auth.ts';
import { createLogger } from './log.ts';

const log = createLogger({ service: 'test', pod: 'p', level: 'silent' });
const issuer = 'https://team/ce';
const userId = '7f3c1a52-0d7e-4b1c-9a3f-6f2d8b1e4c55';
const start = Date.parse('2030-01-01T00:00:00Z');

const cleanups: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

interface Signer {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: Record<string, unknown>;
}

async function signer(kid: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' } };
}

interface Claims {
  iss?: string;
  aud?: string;
  exp?: number;
  sub?: string;
}

function sign({ kid, privateKey }: Signer, claims: Claims = {}): Promise<string> {
  const seconds = start / 1000;
  return new SignJWT({
    name: 'Ada',
    email: 'ada@example.org',
    iss: issuer,
    aud: 'collab',
    iat: seconds,
    exp: seconds + 60,
    sub: userId,
    ...claims,
  })
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .sign(privateKey);
}

/** A user service that can be away and whose set can change. */
async function keySource() {
  const state = { keys: [] as Record<string, unknown>[], away: false, requests: 0 };
  const server = createServer((_request, response) => {
    state.requests++;
    if (state.away) response.writeHead(500).end('{}');
    else response.end(JSON.stringify({ keys: state.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { state, jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function verifierOf(jwksUrl: string, clock = { now: () => start }): Verifier {
  const verifier = createVerifier({ jwksUrl, issuer, log, clock });
  cleanups.push(() => verifier[Symbol.asyncDispose]());
  return verifier;
}

describe('a token', () => {
  it('[KI30] names the caller', async () => {
    const key = await signer('k1');
    const { state, jwksUrl } = await keySource();
    state.keys = [key.jwk];
    const token = await sign(key);
    expect(await verifierOf(jwksUrl).verify(token)).toEqual({
      userId,
      name: 'Ada',
      email: 'ada@example.org',
      expiresAt: start + 60_000,
      token,
    });
  });

  it('[KI30] is refused for any other issuer, audience, key, form or after its time', async () => {
    const key = await signer('k1');
    const impostor = { ...(await signer('k1')), kid: 'k1' };
    const { state, jwksUrl } = await keySource();
    state.keys = [key.jwk];
    const verifier = verifierOf(jwksUrl);
    const unsigned = `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify({ sub: userId, iss: issuer, aud: 'collab' }))}.`;
    const seconds = start / 1000;
    const tokens = [
      await sign(key, { iss: 'https://other' }),
      await sign(key, { aud: 'other' }),
      await sign(key, { exp: seconds - 6 }),
      await sign(key, { sub: 'nobody' }),
      await sign(impostor),
      unsigned,
      'x.y.z',
    ];
    for (const token of tokens) await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(verifier.verify(await sign(key, { exp: seconds - 4 }))).resolves.toMatchObject({ userId });
  });
});

describe('the key set', () => {
  it('[KI31] that was never had makes 503', async () => {
    const key = await signer('k1');
    const { state, jwksUrl } = await keySource();
    state.away = true;
    const verifier = verifierOf(jwksUrl);
    const token = await sign(key);
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'unavailable' });
    state.away = false;
    state.keys = [key.jwk];
    await expect(verifier.verify(token)).resolves.toMatchObject({ userId });
  });

  it('[KI32] is read again for an unknown key, once in 5 s', async () => {
    const [first, second] = [await signer('k1'), await signer('k2')];
    const { state, jwksUrl } = await keySource();
    state.keys = [first.jwk];
    const clock = { now: () => start };
    const verifier = verifierOf(jwksUrl, clock);
    await verifier.verify(await sign(first));
    state.keys = [first.jwk, second.jwk];
    const before = state.requests;
    await expect(verifier.verify(await sign(second))).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(state.requests).toBe(before);
    clock.now = () => start + 5_001;
    await expect(verifier.verify(await sign(second))).resolves.toMatchObject({ userId });
    expect(state.requests).toBe(before + 1);
  });

  it('[KI33] serves on while its source is away', async () => {
    const key = await signer('k1');
    const { state, jwksUrl } = await keySource();
    state.keys = [key.jwk];
    const clock = { now: () => start };
    const verifier = verifierOf(jwksUrl, clock);
    await verifier.verify(await sign(key));
    state.away = true;
    clock.now = () => start + 3_600_000;
    const late = await sign(key, { exp: start / 1000 + 7_200 });
    await expect(verifier.verify(late)).resolves.toMatchObject({ userId });
  });
});
