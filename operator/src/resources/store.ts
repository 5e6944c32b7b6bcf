import { imageOf } from '../api/release.ts';
import { storeUsers, storeName } from './names.ts';
import type { ServiceName, StoreName } from '../api/types.ts';
import { child } from './child.ts';
import { containerResources } from './container-resources.ts';
import type { ContainerResources } from './container-resources.ts';
import { secretsAnnotation, secretsHash } from './hash.ts';
import { labelsOf, selectorOf } from './labels.ts';
import type { Role } from './labels.ts';
import { restrictedContainer, restrictedPod, storeUid, temporaryFiles, temporaryMount } from './pod.ts';
import type { DesiredInput, KeyReference, Manifest } from './types.ts';
import { volumeFields } from './volumes.ts';

/** A store that the operator runs: what differs between PostgreSQL, Redis and RabbitMQ. */
export interface ManagedStore {
  store: StoreName;
  ports: { name: string; containerPort: number }[];
  /** Files of the ConfigMap: settings and scripts, mounted at `configPath`. */
  files: Readonly<Record<string, string>>;
  /** Makes the volume ready, or says `DataVersion: …` and leaves the main container waiting. */
  prepare: string;
  start: string;
  readinessProbe: Record<string, unknown>;
  preStop?: Record<string, unknown>;
  gracePeriodSeconds: number;
  annotations?: Record<string, string>;
  /** Further keys that the pod reads at each start, mounted beside the admin password. */
  secrets?: { from: KeyReference; path: string }[];
}

export const configPath = '/etc/collabeditor';
export const secretsPath = '/run/secrets/collabeditor';
export const dataPath = '/data';
export const runPath = '/run/store';

const roles: Readonly<Record<StoreName, Role>> = { postgres: 'database', redis: 'cache', rabbitmq: 'broker' };

export function roleOf(store: StoreName): Role {
  return roles[store];
}

/** Resources of a managed store; the release's where nothing is said. */
export function storeResources({ resource }: DesiredInput, store: StoreName): ContainerResources {
  return containerResources(store, resource.spec[store].managed?.resources);
}

/** ConfigMap, Service and StatefulSet. */
export function managedStore(input: DesiredInput, store: ManagedStore): Manifest[] {
  return [configMap(input, store), service(input, store), statefulSet(input, store)];
}

function about({ resource }: DesiredInput, store: StoreName, apiVersion: string, kind: string) {
  return { apiVersion, kind, name: storeName(resource, store), component: store, role: roleOf(store) };
}

function configMap(input: DesiredInput, { store, files }: ManagedStore): Manifest {
  return child(input.resource, about(input, store, 'v1', 'ConfigMap'), { data: files });
}

function service(input: DesiredInput, { store, ports }: ManagedStore): Manifest {
  return child(input.resource, about(input, store, 'v1', 'Service'), {
    spec: {
      type: 'ClusterIP',
      selector: selectorOf(input.resource, store),
      ports: ports.map(({ name, containerPort }) => ({ name, port: containerPort, targetPort: name, protocol: 'TCP' })),
    },
  });
}

function statefulSet(input: DesiredInput, store: ManagedStore): Manifest {
  const { resource } = input;
  return child(resource, about(input, store.store, 'apps/v1', 'StatefulSet'), {
    spec: {
      serviceName: storeName(resource, store.store),
      replicas: 1,
      // With OrderedReady a pod that never became ready would block its own correction.
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: selectorOf(resource, store.store) },
      template: podTemplate(input, store),
      ...volumeFields(input, store.store, roleOf(store.store)),
    },
  });
}

function podTemplate(input: DesiredInput, store: ManagedStore) {
  const { resource, facts } = input;
  const name = storeName(resource, store.store);
  // Passwords of the services are set on the running store; only the operator's own needs a start.
  const hash = secretsHash(facts, [{ secret: name, key: 'password' }]);
  return {
    metadata: {
      labels: labelsOf(resource, store.store, roleOf(store.store)),
      annotations: { ...store.annotations, [secretsAnnotation]: hash },
    },
    spec: {
      ...restrictedPod(resource, storeUid, name),
      terminationGracePeriodSeconds: store.gracePeriodSeconds,
      initContainers: [container(input, store, 'prepare')],
      containers: [container(input, store, store.store)],
      volumes: volumes(input, store),
    },
  };
}

/**
 * The init container and the main one differ in their script and probes. No liveness probe: a store that recovers a large log is
 * slow, not dead, and its process ends by itself when it is dead.
 */
function container(input: DesiredInput, store: ManagedStore, name: string) {
  const main = name !== 'prepare';
  const { spec } = input.resource;
  return {
    name,
    image: imageOf(spec, input.release, store.store),
    imagePullPolicy: spec.images.pullPolicy,
    command: ['/bin/sh', `${configPath}/${main ? store.start : store.prepare}`],
    securityContext: restrictedContainer,
    resources: storeResources(input, store.store),
    volumeMounts: [
      { name: 'data', mountPath: dataPath },
      { name: 'config', mountPath: configPath, readOnly: true },
      { name: 'secrets', mountPath: secretsPath, readOnly: true },
      { name: 'run', mountPath: runPath },
      temporaryMount,
    ],
    ...(main
      ? {
          ports: store.ports.map((port) => ({ ...port, protocol: 'TCP' })),
          readinessProbe: store.readinessProbe,
          ...(store.preStop === undefined ? {} : { lifecycle: { preStop: store.preStop } }),
        }
      : {}),
  };
}

function volumes({ resource }: DesiredInput, { store, secrets = [] }: ManagedStore) {
  const all = [{ from: { secret: storeName(resource, store), key: 'password' }, path: 'password' }, ...secrets];
  return [
    { name: 'config', configMap: { name: storeName(resource, store) } },
    {
      name: 'secrets',
      projected: {
        defaultMode: 0o440,
        sources: all.map(({ from, path }) => ({ secret: { name: from.secret, items: [{ key: from.key, path }] } })),
      },
    },
    { name: 'run', emptyDir: {} },
    temporaryFiles,
  ];
}

/** Start of a script that may find data of another version: says so in the pod's status and keeps the store from starting. */
export const dataVersionGuard = `wrong_version() {
  # Not a failure of this container: restarting it would not help, so it says why and lets the pod wait.
  echo "DataVersion: the volume holds data of version $1, the image brings version $2" | tee /dev/termination-log
  touch ${runPath}/wrong-version
  exit 0
}`;

/** Start of every main script. */
export const waitIfWrongVersion = `if [ -e ${runPath}/wrong-version ]; then
  trap 'exit 0' TERM INT
  while :; do sleep 3600 & wait $!; done
fi`;

/** Services' passwords for a store, mounted by service name. */
export function userPasswords(store: StoreName, key: string, secretOf: (service: ServiceName) => string) {
  return storeUsers[store].map((service) => ({ from: { secret: secretOf(service), key }, path: service }));
}
