import { createHash, createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { ServiceName, StoreName } from '../api/types.ts';
import { isObject, listAt, textAt } from '../kube/json.ts';
import type { KubeObject } from '../kube/types.ts';
import type { KeyReference, KeySource, SecretSpec } from '../resources/types.ts';
import { rfc3339 } from './time.ts';

/**
 * Contents of the environment's Secrets. Generated passwords are computed from one random seed, so a lost Secret comes
 * back as it was and no pod restarts; what a Secret holds already always wins, so a lost seed changes nothing.
 */

/** A Secret's data in plain text. */
export type SecretData = Record<string, string>;

/** What the contents of Secrets are made from. */
export interface SecretSources {
  seed: string;
  /** Data of a Secret of this namespace: one of ours as it is now, or an external store's. Undefined: there is none. */
  data: (secretName: string) => SecretData | undefined;
  now: Date;
}

/** Key of the seed in its Secret. */
export const SEED_KEY = 'seed';

/** A new seed. */
export function newSeed(): string {
  return randomBytes(32).toString('base64url');
}

/** The whole contents of a Secret. Keys that can't be made, because their source is missing, are left out. */
export function secretContents(spec: SecretSpec, sources: SecretSources): SecretData {
  const { name } = spec.manifest.metadata;
  const present = sources.data(name) ?? {};
  const contents: SecretData = {};
  for (const [key, source] of Object.entries(spec.keys)) {
    const value = keyValue(source, { name, key, present: present[key] }, sources);
    if (value !== undefined && value !== '') contents[key] = value;
  }
  return contents;
}

interface Place {
  name: string;
  key: string;
  present: string | undefined;
}

function keyValue(source: KeySource, place: Place, sources: SecretSources): string | undefined {
  switch (source.kind) {
    case 'password':
      return present(place) ?? derivePassword(sources.seed, `${place.name}/${place.key}`);
    case 'fixed':
      return source.value;
    case 'signing-keys':
      return signsSomething(place.present) ? place.present : JSON.stringify({ keys: [newSigningKey(sources.now)] });
    case 'template': {
      const password = passwordOf(source.password, place.name, sources);
      return password === undefined ? undefined : source.template.replace('{password}', encodeURIComponent(password));
    }
    case 'external':
      return externalUri(source, place.name, sources);
  }
}

function present({ present: value }: Place): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}

/** A password that another key holds, or that it is going to hold. */
function passwordOf({ secret, key }: KeyReference, _from: string, sources: SecretSources): string | undefined {
  const value = sources.data(secret)?.[key];
  return value === undefined || value === '' ? derivePassword(sources.seed, `${secret}/${key}`) : value;
}

function externalUri(
  source: KeySource & { kind: 'external' },
  name: string,
  sources: SecretSources,
): string | undefined {
  const data = sources.data(source.secretName);
  if (data === undefined) return undefined;
  const admin = data['adminUri']?.trim();
  if (source.role === null || admin === undefined) return sharedUri(data, source.service);
  const password = passwordOf(source.role.password, name, sources);
  const url = URL.parse(admin);
  if (url === null || password === undefined) return undefined;
  url.username = encodeURIComponent(source.role.username);
  url.password = encodeURIComponent(password);
  return url.href;
}

function sharedUri(data: SecretData, service: ServiceName): string | undefined {
  return (data[`uri.${service}`] ?? data['uri'])?.trim();
}

/** 32 letters and digits: they go into URIs and access lists as they are. */
export function derivePassword(seed: string, purpose: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const bytes = createHmac('sha512', seed).update(purpose).digest();
  return Array.from(bytes.subarray(0, 32), (byte) => alphabet.charAt(byte % alphabet.length)).join('');
}

/** A signing key that signs from the start; its age is told by the user service. */
function newSigningKey(now: Date): Record<string, unknown> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const jwk = privateKey.export({ format: 'jwk' });
  return { kid: randomBytes(8).toString('hex'), use: 'sign', created: rfc3339(now), jwk };
}

function signsSomething(text: string | undefined): boolean {
  try {
    const parsed: unknown = JSON.parse(text ?? '');
    return listAt(parsed, 'keys').some((key) => textAt(key, 'use') === 'sign');
  } catch {
    return false;
  }
}

const protocols: Readonly<Record<StoreName, string[]>> = {
  postgres: ['postgres:', 'postgresql:'],
  redis: ['redis:', 'rediss:'],
  rabbitmq: ['amqp:', 'amqps:'],
};

/** What is wrong with the data of an external store's Secret. Names keys, never values. */
export function externalProblems(store: StoreName, data: SecretData): string[] {
  const problems: string[] = [];
  for (const [key, value] of Object.entries(data)) {
    const isUri = key === 'uri' || key === 'adminUri' || key.startsWith('uri.');
    if (!isUri && key !== 'managementUri') continue;
    const allowed = isUri ? protocols[store] : ['http:', 'https:'];
    const url = URL.parse(value.trim());
    if (url === null) problems.push(`key ${key} is no URI`);
    else if (!allowed.includes(url.protocol)) {
      problems.push(`key ${key} must begin with ${allowed.map((protocol) => `${protocol}//`).join(' or ')}`);
    }
  }
  return problems;
}

/** A Secret's data in plain text. */
export function decodeSecret(secret: KubeObject): SecretData {
  const data = isObject(secret['data']) ? secret['data'] : {};
  return Object.fromEntries(
    Object.keys(data).map((key) => [key, Buffer.from(textAt(data, key) ?? '', 'base64').toString('utf8')]),
  );
}

/** Plain text as a Secret's data. */
export function encodeSecret(data: SecretData): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
}

/** Short hash of each value: pods carry those of the keys that they read, so that they restart when one changes. */
export function keyHashes(data: SecretData): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, createHash('sha256').update(text).digest('hex').slice(0, 16)]),
  );
}
