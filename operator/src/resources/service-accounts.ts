import { serviceNames, storeNames } from '../api/types.ts';
import { child } from './child.ts';
import type { Role } from './labels.ts';
import { migrationsName, serviceName, storeName } from './names.ts';
import { roleOf } from './store.ts';
import type { DesiredInput, Manifest } from './types.ts';

/** One identity per component; none of them talks to the API server. */
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
    account(migrationsName(resource), 'migrations', 'migration'),
  ];
}
