import { serviceNames } from '../api/types.ts';
import type { CollabEditor, ServiceName, StoreName, TelemetryProgram } from '../api/types.ts';

type Named = Pick<CollabEditor, 'metadata'>;

/** `team-user-service`: name of a service's Deployment, Service, ServiceAccount and Secret. */
export function serviceName(resource: Named, service: ServiceName): string {
  return `${resource.metadata.name}-${service}-service`;
}

/** `team-postgres`: name of a store's StatefulSet, Service, ConfigMap, ServiceAccount and Secret (key `password`). */
export function storeName(resource: Named, store: StoreName): string {
  return `${resource.metadata.name}-${store}`;
}

/** Secret with the owner roles' URLs. */
export function migrationsName(resource: Named): string {
  return `${resource.metadata.name}-migrations`;
}

/** Secret with SIGNING_KEYS_FILE under `keys.json`. */
export function signingKeysName(resource: Named): string {
  return `${resource.metadata.name}-signing-keys`;
}

export function ingressName(resource: Named): string {
  return `${resource.metadata.name}-ingress`;
}

export function routeName(resource: Named): string {
  return `${resource.metadata.name}-route`;
}

/** `team-prometheus`: name of everything that Prometheus, Loki or Grafana consists of. */
export function telemetryName(resource: Named, program: TelemetryProgram): string {
  return `${resource.metadata.name}-${program}`;
}

export function podMonitorName(resource: Named): string {
  return `${resource.metadata.name}-metrics`;
}

export function prometheusRuleName(resource: Named): string {
  return `${resource.metadata.name}-alerts`;
}

/** ConfigMap with the dashboards. */
export function dashboardsName(resource: Named): string {
  return `${resource.metadata.name}-dashboards`;
}

export function namespaceOf(resource: Named): string {
  return resource.metadata.namespace ?? 'default';
}

/** Schema of each service. Role `collab_<schema>` does DML, `collab_<schema>_owner` migrates. */
export const schemas: Readonly<Record<ServiceName, string>> = {
  user: 'users',
  document: 'documents',
  realtime: 'realtime',
  notification: 'notifications',
};

export const databaseName = 'collab';

/** The services that use a store. */
export const storeUsers: Readonly<Record<StoreName, readonly ServiceName[]>> = {
  postgres: serviceNames,
  redis: ['user', 'document', 'realtime'],
  rabbitmq: serviceNames,
};

/** The operator's own user in each managed store; its password is key `password` of the store's Secret. */
export const adminUsers: Readonly<Record<StoreName, string>> = {
  postgres: 'postgres',
  redis: 'operator',
  rabbitmq: 'operator',
};
