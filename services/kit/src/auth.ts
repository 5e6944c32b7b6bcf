import { setTimeout as delay } from 'node:timers/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { CLOCK_TOLERANCE_SECONDS, JsonWebKeySet } from '@collabeditor/contracts';
import { type CryptoKey, errors, importJWK, jwtVerify } from 'jose';
import { Compile } from 'typebox/compile';
import { request } from 'undici';
import { type Clock, systemClock } from './clock.ts';
import { atMostEvery, type Logger } from './log.ts';
import { Problem, unavailable } from './problem.ts';

/** A user as its access token names it. */
export interface Caller {
  readonly userId: string;
  readonly name: string;
  readonly email: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Sent along in calls to peers. */
  readonly token: string;
}

export interface Verifier extends AsyncDisposable {
  /** Throws `unauthenticated`, or `unavailable` as long as no key set was ever had. */
  verify(token: string): Promise<Caller>;
}

export interface VerifierOptions {
  readonly issuer: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Where the key set is fetched; or `keys`, which tells the set of now. */
  readonly jwksUrl?: string;
  readonly keys?: () => JsonWebKeySet;
}

/** Age at which a key set is read again. Whoever makes a new key publishes it for twice this time before it signs. */
export const JWKS_MAX_AGE_MS = 300_000;
/** A token can name any key, so unknown names must not become a flood of requests. */
const REFETCH_INTERVAL_MS = 5_000;

type KeyLookup = (kid: string) => Promise<CryptoKey | undefined>;
const isKeySet = Compile(JsonWebKeySet);
const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

export function createVerifier(options: VerifierOptions): Verifier {
  const clock = options.clock ?? systemClock;
  const stopping = new AbortController();
  const lookup = options.keys ? localKeys(options.keys) : remoteKeys(options, clock, stopping.signal);
  return {
    async verify(token) {
      try {
        const { payload } = await jwtVerify(
          token,
          async ({ kid }) => {
            const key = kid === undefined ? undefined : await lookup(kid);
            if (!key) throw new errors.JWKSNoMatchingKey();
            return key;
          },
          {
            algorithms: ['EdDSA'],
            issuer: options.issuer,
            audience: 'collab',
            clockTolerance: CLOCK_TOLERANCE_SECONDS,
            requiredClaims: ['sub', 'exp', 'iat'],
            currentDate: new Date(clock.now()),
          },
        );
        const { sub, name, email, exp } = payload;
        if (
          sub === undefined ||
          !uuid.test(sub) ||
          typeof name !== 'string' ||
          typeof email !== 'string' ||
          exp === undefined
        ) {
          throw unauthenticated('The access token lacks claims');
        }
        return { userId: sub, name, email, expiresAt: exp * 1000, token };
      } catch (error) {
        if (error instanceof Problem) throw error;
        throw unauthenticated(
          error instanceof errors.JWTExpired ? 'The access token has expired' : 'The access token is not valid',
        );
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
    },
  };
}

/** Token of an `Authorization: Bearer` header, else null. */
export function bearer(headers: IncomingHttpHeaders): string | null {
  return /^Bearer +([\w.~+/-]+=*) *$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}

export function unauthenticated(detail: string): Problem {
  return new Problem('unauthenticated', detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
}

function localKeys(current: () => JsonWebKeySet): KeyLookup {
  let imported: { set: JsonWebKeySet; keys: Promise<Map<string, CryptoKey>> } | undefined;
  return async (kid) => {
    const set = current();
    if (imported?.set !== set) imported = { set, keys: importKeys(set) };
    return (await imported.keys).get(kid);
  };
}

/** The set that the user service publishes: read at start, when it is old, and for an unknown key. The last one is kept. */
function remoteKeys({ jwksUrl, log }: VerifierOptions, clock: Clock, stopped: AbortSignal): KeyLookup {
  if (jwksUrl === undefined) throw new Error('a verifier needs keys or jwksUrl');
  const report = atMostEvery(10_000, (err) =>
    log.warn({ event: 'key_set_unreadable', err }, 'The key set could not be read'),
  );
  let keys: Map<string, CryptoKey> | undefined;
  let readAt = -Infinity;
  let triedAt = -Infinity;
  let underWay: Promise<boolean> | undefined;

  /** Answers whether the set could be read. */
  const refresh = (): Promise<boolean> => {
    triedAt = clock.now();
    return (underWay ??= fetchKeys(jwksUrl, stopped)
      .then((fresh) => {
        keys = fresh;
        readAt = clock.now();
        return true;
      })
      .catch((error: unknown) => {
        report(error);
        return false;
      })
      .finally(() => (underWay = undefined)));
  };
  const first = async (): Promise<void> => {
    for (let wait = 200; !stopped.aborted && !(await refresh()); wait = Math.min(wait * 2, 5_000)) {
      await delay(wait, undefined, { ref: false, signal: stopped }).catch(() => undefined);
    }
  };
  void first();

  return async (kid) => {
    if (!keys) await refresh();
    if (!keys) throw unavailable('The key set is not available yet');
    const now = clock.now();
    const age = now - readAt;
    // An old set still serves while the new one is on its way.
    if (age > JWKS_MAX_AGE_MS && now - triedAt > REFETCH_INTERVAL_MS) void refresh();
    if (!keys.has(kid) && (underWay || now - triedAt > REFETCH_INTERVAL_MS)) await refresh();
    return keys.get(kid);
  };
}

async function fetchKeys(jwksUrl: string, signal: AbortSignal): Promise<Map<string, CryptoKey>> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(3_000)]);
  const { statusCode, body } = await request(jwksUrl, { signal: limit });
  const set: unknown = await body.json();
  if (statusCode !== 200 || !isKeySet.Check(set)) throw new Error(`the key set was answered with ${statusCode}`);
  return importKeys(set);
}

async function importKeys(set: JsonWebKeySet): Promise<Map<string, CryptoKey>> {
  const keys = new Map<string, CryptoKey>();
  for (const jwk of set.keys) {
    const key = await importJWK(jwk, 'EdDSA');
    if (!(key instanceof Uint8Array)) keys.set(jwk.kid, key);
  }
  return keys;
}
