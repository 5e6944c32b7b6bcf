import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { ConfigError, parseConfig } from '@collabeditor/kit';
import { fields } from './config.ts';
import { parseSigningKeys } from './signing-keys.ts';

const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
const file = (...keys: object[]) => JSON.stringify({ keys });

it.each([
  ['no JSON', '{'],
  ['no key', file()],
  ['no signing key', file({ kid: 'a', use: 'publish', jwk })],
  ['two signing keys', file({ kid: 'a', use: 'sign', jwk }, { kid: 'b', use: 'sign', jwk })],
  ['one name for two keys', file({ kid: 'a', use: 'sign', jwk }, { kid: 'a', use: 'publish', jwk })],
  ['a public key', file({ kid: 'a', use: 'sign', jwk: { ...jwk, d: undefined } })],
  ['a key of another curve', file({ kid: 'a', use: 'sign', jwk: { ...jwk, crv: 'Ed448' } })],
])('[US32] refuses a file with %s, without a word of a key', (_, content) => {
  const problem = (() => {
    try {
      parseSigningKeys(content);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : undefined;
    }
  })();
  expect(problem).toMatch(/^names a file/);
  expect(problem).not.toContain(jwk.d ?? '');
});

it('[US32] is a problem of the configuration among the others', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'));
  const path = join(folder, 'keys.json');
  writeFileSync(path, file());
  try {
    parseConfig(fields, { SIGNING_KEYS_FILE: path });
    throw new Error('was accepted');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.problems.find((problem) => problem.startsWith('SIGNING_KEYS_FILE'))).toContain('names a file');
    expect(error.problems).toContain('REDIS_URL is missing');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
