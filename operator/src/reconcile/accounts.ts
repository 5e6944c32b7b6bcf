import { serviceNames, type CollabEditor, type ServiceName, type StoreName } from '../api/types.ts';
import {
  adminUsers,
  databaseName,
  migrationsName,
  namespaceOf,
  schemas,
  serviceName,
  storeName,
  storeUsers,
} from '../resources/names.ts';
import { volumeFile } from '../resources/postgres.ts';
import { redisAcl } from '../resources/redis.ts';
import { keyPrefixes } from '../resources/secrets.ts';
import type { SecretData } from './secrets.ts';
import type { Account, BrokerRequest, CacheRequest, DatabaseRequest } from './stores/ports.ts';

/** What the requests to the stores are made from: the resource and the Secrets as they are. */
export interface AccountSources {
  resource: CollabEditor;
  data: (secretName: string) => SecretData | undefined;
  /** Where the operator reaches a managed store. */
  host: (store: StoreName) => string;
}

/** A request, or undefined as long as a Secret that it needs is missing. */
export type Wanted<T> = T | undefined;

/** PostgreSQL: roles and schemas, by the URLs in the Secrets of the services and of the migration. */
export function databaseRequest(sources: AccountSources): Wanted<DatabaseRequest> {
  const { resource, data } = sources;
  const admin = adminOf(sources, 'postgres', `postgresql://{host}:5432/${databaseName}`);
  if (admin === undefined) return undefined;
  const services = serviceNames.flatMap((service) => {
    const app = accountAt(data(serviceName(resource, service)), 'database-url');
    const owner = accountAt(data(migrationsName(resource)), `${service}-url`);
    return app === undefined || owner === undefined ? [] : [{ schema: schemas[service], app, owner }];
  });
  if (services.length < serviceNames.length) return undefined;
  const common = { adminUri: admin.uri, ca: admin.ca, shared: admin.shared, services, owner: ownerName(resource) };
  const reader = services.find(({ schema }) => schema === schemas.user)?.app.user;
  const isOurs = resource.spec.postgres.managed !== undefined && reader !== undefined;
  return { ...common, volume: isOurs ? { file: volumeFile, reader } : undefined };
}

/** Redis: access list entries. */
export function cacheRequest(sources: AccountSources): Wanted<CacheRequest> {
  const { resource } = sources;
  const admin = adminOf(sources, 'redis', 'redis://{host}:6379');
  if (admin === undefined) return undefined;
  const common = { uri: admin.uri, ca: admin.ca, owner: ownerName(resource) };
  if (admin.shared) return { ...common, accounts: [] };
  const accounts = storeUsers.redis.flatMap((service) => {
    const account = serviceAccount(sources, service, 'redis');
    return account === undefined ? [] : [{ account, rights: redisAcl(service) }];
  });
  if (accounts.length < storeUsers.redis.length) return undefined;
  return { ...common, accounts };
}

/** RabbitMQ: users, and the topology on the same virtual host. */
export function brokerRequest(sources: AccountSources): Wanted<BrokerRequest> {
  const { resource } = sources;
  const admin = adminOf(sources, 'rabbitmq', 'amqp://{host}:5672');
  if (admin === undefined) return undefined;
  const common = {
    managementUri: managementUri(admin.uri, admin.managementUri),
    ca: admin.ca,
    virtualHost: decodeURIComponent(new URL(admin.uri).pathname.slice(1)) || '/',
    owner: ownerName(resource),
  };
  if (admin.shared) return { ...common, accounts: undefined };
  const [user, document, realtime, notification] = serviceNames.map((service) =>
    serviceAccount(sources, service, 'rabbitmq'),
  );
  if (user === undefined || document === undefined || realtime === undefined || notification === undefined)
    return undefined;
  return { ...common, accounts: { user, document, realtime, notification } };
}

interface Admin {
  uri: string;
  managementUri: string | undefined;
  ca: string | undefined;
  shared: boolean;
}

/** How the operator itself connects: as administrator of a managed store, by `adminUri`, else by the URI that all share. */
function adminOf({ resource, data, host }: AccountSources, store: StoreName, managed: string): Admin | undefined {
  const { external } = resource.spec[store];
  if (external === undefined) {
    const password = data(storeName(resource, store))?.['password'];
    if (password === undefined) return undefined;
    const url = new URL(managed.replace('{host}', host(store)));
    url.username = adminUsers[store];
    url.password = encodeURIComponent(password);
    return { uri: url.href, managementUri: undefined, ca: undefined, shared: false };
  }
  const secret = data(external.secretName);
  const uri = (secret?.['adminUri'] ?? secret?.['uri'])?.trim();
  if (secret === undefined || uri === undefined || URL.parse(uri) === null) return undefined;
  return {
    uri,
    managementUri: secret['managementUri']?.trim(),
    ca: secret['ca.crt'],
    shared: secret['adminUri'] === undefined,
  };
}

/** The management API: as given, with the administrator's account where it has none; else beside the broker. */
function managementUri(amqp: string, given: string | undefined): string {
  const broker = new URL(amqp);
  const url = new URL(given ?? `${broker.protocol === 'amqps:' ? 'https' : 'http'}://${broker.host}`);
  if (given === undefined) url.port = broker.protocol === 'amqps:' ? '15671' : '15672';
  if (url.username === '') {
    url.username = broker.username;
    url.password = broker.password;
  }
  return url.href;
}

function serviceAccount(
  { resource, data }: AccountSources,
  service: ServiceName,
  store: StoreName,
): Account | undefined {
  return accountAt(data(serviceName(resource, service)), `${keyPrefixes[store]}-url`);
}

function accountAt(data: SecretData | undefined, key: string): Account | undefined {
  const url = URL.parse(data?.[key] ?? '');
  if (url === null) return undefined;
  return { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
}

function ownerName(resource: CollabEditor): string {
  return `${namespaceOf(resource)}/${resource.metadata.name}`;
}
