import { serviceNames, storeNames } from '../api/types.ts';
import type { ServiceName, StoreName } from '../api/types.ts';
import { child } from './child.ts';
import { grafanaSecret } from './grafana.ts';
import type { Role } from './labels.ts';
import {
  databaseName,
  migrationsName,
  schemas,
  serviceName,
  signingKeysName,
  storeName,
  storeUsers,
  telemetryName,
} from './names.ts';
import { roleOf } from './store.ts';
import { isManaged } from './telemetry.ts';
import type { DesiredInput, KeyReference, KeySource, SecretSpec } from './types.ts';

/** The Secrets of an environment: those of the stores, one per service, the owner roles', the signing keys. */
export function secrets(input: DesiredInput): SecretSpec[] {
  return [
    ...storeNames.flatMap((store) => storeSecret(input, store)),
    ...serviceNames.map((service) => serviceSecret(input, service)),
    migrationsSecret(input),
    signingKeysSecret(input),
    ...adminSecret(input),
  ];
}

/** What opens a volume lives as long as the volume. */
function storeSecret(input: DesiredInput, store: StoreName): SecretSpec[] {
  const { spec } = input.resource;
  if (spec[store].managed === undefined) return [];
  const retained = spec.deletionPolicy === 'Retain';
  const about = { name: storeName(input.resource, store), component: store, role: roleOf(store), retained };
  return [secret(input, about, { password: { kind: 'password' } })];
}

function serviceSecret(input: DesiredInput, service: ServiceName): SecretSpec {
  const name = serviceName(input.resource, service);
  const keys: Record<string, KeySource> = { 'service-token': { kind: 'password' } };
  for (const store of storeNames) {
    if (!storeUsers[store].includes(service)) continue;
    const prefix = keyPrefixes[store];
    const password = { secret: name, key: `${prefix}-password` };
    const username = store === 'postgres' ? `${databaseName}_${schemas[service]}` : service;
    Object.assign(keys, account(input, store, service, { username, password, urlKey: `${prefix}-url` }));
  }
  return secret(input, { name, component: `${service}-service`, role: 'service' }, keys);
}

function signingKeysSecret(input: DesiredInput): SecretSpec {
  const about = { name: signingKeysName(input.resource), component: 'user-service', role: 'service' } as const;
  return secret(input, about, { 'keys.json': { kind: 'signing-keys' } });
}

/** The administrator of the environment's own Grafana. */
function adminSecret(input: DesiredInput): SecretSpec[] {
  if (!isManaged(input.resource.spec, 'grafana')) return [];
  const about = { name: telemetryName(input.resource, 'grafana'), component: 'grafana', role: 'monitoring' } as const;
  return [secret(input, about, grafanaSecret)];
}

/** A migration runs as the owner of its schema, which no service ever does. */
function migrationsSecret(input: DesiredInput): SecretSpec {
  const name = migrationsName(input.resource);
  const keys: Record<string, KeySource> = {};
  for (const service of serviceNames) {
    const password = { secret: name, key: `${service}-password` };
    const username = `${databaseName}_${schemas[service]}_owner`;
    Object.assign(keys, account(input, 'postgres', service, { username, password, urlKey: `${service}-url` }));
  }
  return secret(input, { name, component: 'migrations', role: 'migration' }, keys);
}

/** Prefix of a store's keys in a service's Secret: `database-url`, `redis-url`, `amqp-url`. */
export const keyPrefixes: Readonly<Record<StoreName, string>> = {
  postgres: 'database',
  redis: 'redis',
  rabbitmq: 'amqp',
};

interface Account {
  username: string;
  password: KeyReference;
  urlKey: string;
}

/** Password and URL of one account in one store; without admin rights there is only the URI that was given. */
function account(
  { resource, facts }: DesiredInput,
  store: StoreName,
  service: ServiceName,
  { username, password, urlKey }: Account,
): Record<string, KeySource> {
  const { external } = resource.spec[store];
  if (external === undefined) {
    const template = managedUrl[store](username, storeName(resource, store));
    return { [password.key]: { kind: 'password' }, [urlKey]: { kind: 'template', template, password } };
  }
  const { secretName } = external;
  if (facts.external[store]?.admin !== true) {
    return { [urlKey]: { kind: 'external', store, secretName, service, role: null } };
  }
  return {
    [password.key]: { kind: 'password' },
    [urlKey]: { kind: 'external', store, secretName, service, role: { username, password } },
  };
}

const managedUrl: Readonly<Record<StoreName, (username: string, host: string) => string>> = {
  postgres: (username, host) => `postgresql://${username}:{password}@${host}:5432/${databaseName}`,
  redis: (username, host) => `redis://${username}:{password}@${host}:6379`,
  rabbitmq: (username, host) => `amqp://${username}:{password}@${host}:5672`,
};

function secret({ resource }: DesiredInput, about: About, keys: Readonly<Record<string, KeySource>>): SecretSpec {
  const manifest = child(resource, { apiVersion: 'v1', kind: 'Secret', ...about }, { type: 'Opaque' });
  return { manifest, retained: about.retained === true, keys };
}

interface About {
  name: string;
  component: string;
  role: Role;
  retained?: boolean;
}
