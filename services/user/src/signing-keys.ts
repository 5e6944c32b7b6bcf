import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { JsonWebKeySet } from '@collabeditor/contracts';
import { type FileValue, isError, type Logger } from '@collabeditor/kit';
import { Gauge, type Registry } from 'prom-client';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';

const PrivateJwk = Type.Object({
  kty: Type.Literal('OKP'),
  crv: Type.Literal('Ed25519'),
  x: Type.String({ pattern: '^[\\w-]{43}$' }),
  d: Type.String({ pattern: '^[\\w-]{43}$' }),
});
const KeysFile = Type.Object({
  keys: Type.Array(
    Type.Object({
      kid: Type.String({ minLength: 1 }),
      use: Type.Enum(['sign', 'publish']),
      jwk: PrivateJwk,
      /** When the key was made (RFC 3339). Nothing but a metric depends on it. */
      created: Type.Optional(Type.Unknown()),
    }),
    { minItems: 1 },
  ),
});
const keysFile = Compile(KeysFile);

export interface SigningKey {
  readonly kid: string;
  readonly jwk: Static<typeof PrivateJwk>;
  readonly created?: unknown;
}

export interface SigningKeys {
  /** The one key that signs. */
  readonly signing: SigningKey;
  /** Public halves of all keys. A new key is here before it signs, an old one until its last token has run out. */
  readonly published: JsonWebKeySet;
}

/** Reads the content of the file; the message of its error has no word of a key. */
export function parseSigningKeys(content: string): SigningKeys {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    throw new Error('names a file that is not JSON');
  }
  if (!keysFile.Check(parsed))
    throw new Error('names a file that is not {"keys": [{"kid", "use", "jwk": {Ed25519 private key}}]}');
  const { keys } = parsed;
  const signing = keys.filter(({ use }) => use === 'sign');
  if (!signing[0] || signing.length > 1)
    throw new Error(`names a file with ${signing.length} keys of use "sign" instead of one`);
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length)
    throw new Error('names a file in which two keys have one kid');
  return {
    signing: signing[0],
    published: {
      keys: keys.map(({ kid, jwk: { kty, crv, x } }) => ({ kty, crv, x, kid, alg: 'EdDSA', use: 'sig' })),
    },
  };
}

export interface KeyRing extends Disposable {
  current(): SigningKeys;
}

/** Follows the file: rotation replaces it under a running service. Content that can't be used is logged, and the keys before it stay. */
export function followSigningKeys(file: FileValue, pollMs: number, log: Logger): KeyRing {
  let keys = parseSigningKeys(file.content);
  const reread = (): void => {
    try {
      keys = parseSigningKeys(readFileSync(file.path, 'utf8'));
      log.info(
        { event: 'signing_keys_read', kid: keys.signing.kid, published: keys.published.keys.length },
        'The signing keys were read again',
      );
    } catch (error) {
      log.error(
        { event: 'signing_keys_unusable', reason: isError(error) ? error.message : 'unreadable' },
        'The new signing keys cannot be used',
      );
    }
  };
  // Polls, since a mounted Secret changes by swapping a link above the file.
  watchFile(file.path, { interval: pollMs, persistent: false }, reread);
  return {
    current: () => keys,
    [Symbol.dispose]: () => unwatchFile(file.path, reread),
  };
}

/** Absent where the file does not say when the key was made. */
export function measureSigningKey(metrics: Registry, keys: KeyRing): void {
  new Gauge({
    name: 'collab_signing_key_created_timestamp_seconds',
    help: 'When the key was made that signs access tokens',
    registers: [metrics],
    collect() {
      const { created } = keys.current().signing;
      const at = typeof created === 'string' ? Date.parse(created) : NaN;
      if (Number.isNaN(at)) this.remove();
      else this.set(at / 1000);
    },
  });
}
