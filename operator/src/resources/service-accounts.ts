import { serviceNames, storeNames, telemetryPrograms } from '../api/types.ts';
import { child } from './child.ts';
import type { Role } from './labels.ts';
import { migrationsName, serviceName, storeName, telemetryName } from './names.ts';
import { roleOf } from './store.ts';
import { isManaged } from './telemetry.ts';
import type { DesiredInput, Manifest } from './types.ts';

/** One identity per component. None gives its token to a pod by itself, and only Prometheus' pod asks for it. */
export function serviceAccounts({ resource }: DesiredInput): Manifest[] {
  const account = (name: string, component: string, role: Role): Manifest =>
    child(
      resource,
      { apiVersion: 'v1', kind: 'ServiceAccount', name, component, role },
      { automountServiceAccountToken: false },
    );
  return [
    ...serviceNames.map((service) => account(serviceName(resource, service), `${service}-service`, 'service')),
    ...storeNames
      .filter((store) => resource.spec[store].managed !== undefined)
      .map((store) => account(storeName(resource, store), store, roleOf(store))),
    ...telemetryPrograms
      .filter((program) => isManaged(resource.spec, program))
      .map((program) => account(telemetryName(resource, program), program, 'monitoring')),
    account(migrationsName(resource), 'migrations', 'migration'),
  ];
}
