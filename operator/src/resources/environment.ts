/** Environment variables of the services, as docs/architecture.md lists them. */
import { storeNames } from '../api/types.ts';
import type { ServiceName, StoreName } from '../api/types.ts';
import { containerResources, memoryLimitMiB } from './container-resources.ts';
import { publicUrl } from './exposure.ts';
import {
  databaseName,
  migrationsName,
  namespaceOf,
  schemas,
  serviceName,
  signingKeysName,
  storeUsers,
} from './names.ts';
import { keyPrefixes } from './secrets.ts';
import type { DesiredInput, KeyReference } from './types.ts';

export type EnvVar = { name: string; value: string } | { name: string; valueFrom: Record<string, unknown> };

export const caPath = '/run/secrets/ca';
export const signingKeysPath = '/run/secrets/signing-keys';

/** Environment of a service's container; the user's variables come last and can't name one of ours. */
export function serviceEnv(input: DesiredInput, service: ServiceName): EnvVar[] {
  const { resource } = input;
  const ownSecret = serviceName(resource, service);
  return [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    nodeOptions(input, service),
    ...storeNames
      .filter((store) => storeUsers[store].includes(service))
      .flatMap((store) => [
        fromSecret(urlVariables[store], { secret: ownSecret, key: `${keyPrefixes[store]}-url` }),
        ...caFile(input, store),
      ]),
    fromSecret('SERVICE_TOKEN', { secret: ownSecret, key: 'service-token' }),
    ...peers[service].accepts.map((peer) =>
      fromSecret(`PEER_TOKEN_${peer.toUpperCase()}`, { secret: serviceName(resource, peer), key: 'service-token' }),
    ),
    ...peers[service].calls.map((peer) =>
      plain(`${peer.toUpperCase()}_SERVICE_URL`, `http://${serviceName(resource, peer)}:8081`),
    ),
    ...domainEnv[service](input),
    ...resource.spec.services[service].env.map((variable) =>
      variable.valueFrom === undefined
        ? plain(variable.name, variable.value ?? '')
        : { name: variable.name, valueFrom: { ...variable.valueFrom } },
    ),
  ];
}

/** Environment of a service's migration step. */
export function migrationEnv(input: DesiredInput, service: ServiceName): EnvVar[] {
  const { spec } = input.resource;
  // Without admin rights one role does everything, and there is nobody to grant anything to.
  const shared = spec.postgres.external !== undefined && input.facts.external.postgres?.admin !== true;
  return [
    fromSecret('DATABASE_URL', { secret: migrationsName(input.resource), key: `${service}-url` }),
    ...caFile(input, 'postgres'),
    ...(shared ? [] : [plain('DATABASE_APP_ROLE', `${databaseName}_${schemas[service]}`)]),
  ];
}

/** Keys of Secrets that a service's pod reads at its start. */
export function secretKeysOf(input: DesiredInput, service: ServiceName): KeyReference[] {
  const keys = serviceEnv(input, service).flatMap((variable) => secretKey(variable));
  const stores = storeNames.filter((store) => storeUsers[store].includes(service) && hasCa(input, store));
  for (const store of stores) {
    keys.push({ secret: input.resource.spec[store].external?.secretName ?? '', key: 'ca.crt' });
  }
  if (service === 'user') keys.push({ secret: signingKeysName(input.resource), key: 'keys.json' });
  return keys;
}

/** The Secret of the external store brings a CA certificate. */
export function hasCa({ resource, facts }: DesiredInput, store: StoreName): boolean {
  return resource.spec[store].external !== undefined && facts.external[store]?.ca === true;
}

const urlVariables: Readonly<Record<StoreName, string>> = {
  postgres: 'DATABASE_URL',
  redis: 'REDIS_URL',
  rabbitmq: 'AMQP_URL',
};
const caVariables: Readonly<Record<StoreName, string>> = {
  postgres: 'DATABASE_CA_FILE',
  redis: 'REDIS_CA_FILE',
  rabbitmq: 'AMQP_CA_FILE',
};

/** Who calls whom on 8081; NetworkPolicies follow the same table. */
export const peers: Readonly<Record<ServiceName, { calls: readonly ServiceName[]; accepts: readonly ServiceName[] }>> =
  {
    user: { calls: [], accepts: ['document', 'realtime', 'notification'] },
    document: { calls: ['user', 'realtime'], accepts: ['realtime'] },
    realtime: { calls: ['user', 'document'], accepts: ['document'] },
    notification: { calls: ['user'], accepts: [] },
  };

/** What a service needs for its own domain. */
const domainEnv: Readonly<Record<ServiceName, (input: DesiredInput) => EnvVar[]>> = {
  user: (input) => [
    ...tokenEnv(input),
    plain('SIGNING_KEYS_FILE', `${signingKeysPath}/keys.json`),
    plain('ACCESS_TOKEN_TTL', input.resource.spec.auth.accessTokenTTL),
    plain('REFRESH_TOKEN_TTL', input.resource.spec.auth.refreshTokenTTL),
    plain('ADDRESS_VERIFICATION', input.resource.spec.services.notification.smtp === undefined ? 'none' : 'mail'),
  ],
  document: tokenEnv,
  realtime: (input) => [
    ...tokenEnv(input),
    plain('MAX_CONNECTIONS', String(input.resource.spec.services.realtime.maxConnections)),
    plain('DRAIN_SECONDS', String(input.resource.spec.services.realtime.drainSeconds)),
    plain('SHUTDOWN_LIMIT', `${gracePeriodSeconds(input, 'realtime') - 5}s`),
  ],
  notification: (input) => [...notificationLinkEnv(input), ...smtpEnv(input)],
};

/** Time to drain: 5 s in which upgrades are still served, the drain window, and some to close. */
export function gracePeriodSeconds({ resource }: DesiredInput, service: ServiceName): number {
  return service === 'realtime' ? Math.max(60, resource.spec.services.realtime.drainSeconds + 30) : 60;
}

function tokenEnv({ resource }: DesiredInput): EnvVar[] {
  return [
    plain('ISSUER', `https://${namespaceOf(resource)}/${resource.metadata.name}`),
    plain('ALLOWED_ORIGINS', resource.spec.exposure.allowedOrigins.join(',')),
  ];
}

/** Mails can't do without; before an address is known, links lead to the document service inside the cluster. */
function notificationLinkEnv({ resource, facts }: DesiredInput): EnvVar[] {
  const inside = `http://${serviceName(resource, 'document')}.${namespaceOf(resource)}.svc:8080`;
  return [plain('PUBLIC_URL', publicUrl(resource.spec, facts) ?? inside)];
}

function smtpEnv({ resource }: DesiredInput): EnvVar[] {
  const { smtp } = resource.spec.services.notification;
  if (smtp === undefined) return [];
  const optional = (name: string, key: string): EnvVar => ({
    name,
    valueFrom: { secretKeyRef: { name: smtp.secretName, key, optional: true } },
  });
  return [
    optional('SMTP_URI', 'uri'),
    optional('SMTP_HOST', 'host'),
    optional('SMTP_PORT', 'port'),
    optional('SMTP_USERNAME', 'username'),
    optional('SMTP_PASSWORD', 'password'),
    plain('SMTP_FROM', smtp.from),
  ];
}

/** The heap ends below the container's limit, so that a full one is Node's own clear error and not a kill. */
function nodeOptions({ resource }: DesiredInput, service: ServiceName): EnvVar {
  const limit = memoryLimitMiB(containerResources(service, resource.spec.services[service].resources));
  return plain('NODE_OPTIONS', `--enable-source-maps --max-old-space-size=${Math.max(32, Math.floor(limit * 0.7))}`);
}

function caFile(input: DesiredInput, store: StoreName): EnvVar[] {
  return hasCa(input, store) ? [plain(caVariables[store], `${caPath}/${store}.crt`)] : [];
}

function plain(name: string, value: string): EnvVar {
  return { name, value };
}

function fromSecret(name: string, { secret, key }: KeyReference): EnvVar {
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}

function secretKey(variable: EnvVar): KeyReference[] {
  if (!('valueFrom' in variable)) return [];
  const reference = variable.valueFrom['secretKeyRef'];
  if (typeof reference !== 'object' || reference === null || !('name' in reference) || !('key' in reference)) return [];
  return [{ secret: String(reference.name), key: String(reference.key) }];
}
