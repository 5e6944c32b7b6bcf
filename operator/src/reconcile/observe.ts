import { referencedSecrets } from '../api/references.ts';
import { serviceNames, storeNames, type CollabEditor } from '../api/types.ts';
import { at, listAt, numberAt, textAt } from '../kube/json.ts';
import type { KubeObject, ObjectKey, ResourceType } from '../kube/types.ts';
import { desired, installedKinds } from '../resources/index.ts';
import { namespaceOf, serviceName } from '../resources/names.ts';
import type { Facts, VolumeClaim, VolumeOwner } from '../resources/types.ts';
import { volumeOwners } from '../resources/volumes.ts';
import type { Problem } from '../status/observed.ts';
import { SECRET, type Cluster } from './cluster.ts';
import type { Ports, Turn } from './context.ts';
import { FIELD_MANAGER } from './plan.ts';
import { decodeSecret, externalProblems, keyHashes, type SecretData } from './secrets.ts';

const GATEWAY: ResourceType = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  plural: 'gateways',
  namespaced: true,
};

/** Looks at everything that the children of a resource depend on. Asks only the caches, but for the address of a Gateway. */
export async function observe(raw: KubeObject, resource: CollabEditor, ports: Ports): Promise<Turn> {
  const { client, cluster, release } = ports;
  const referenced = await readReferenced(resource, cluster);
  const problems = [...referenceProblems(resource, referenced), ...hostProblem(resource, cluster)];
  const gatewayAddress = await gatewayAddressOf(resource, client);
  const facts = factsOf({ resource, referenced, gatewayAddress }, cluster);
  return {
    raw,
    resource,
    referenced,
    gatewayAddress,
    facts,
    desired: desired({ resource, release, facts }),
    checks: {
      postgres: { state: 'unasked' },
      redis: { state: 'unasked' },
      rabbitmq: { state: 'unasked' },
      topology: { state: 'unasked' },
    },
    problems,
    drift: [],
    again: undefined,
    written: [],
  };
}

/** Looks again at the Secrets after they were written: pods follow their contents. */
export function refresh(turn: Turn, { cluster, release }: Ports): void {
  turn.facts = factsOf(turn, cluster);
  turn.desired = desired({ resource: turn.resource, release, facts: turn.facts });
}

/** A Secret of the resource's namespace: its own children's, or one that it names. */
export function secretData(
  turn: Pick<Turn, 'resource' | 'referenced'>,
  cluster: Pick<Cluster, 'child'>,
): (name: string) => SecretData | undefined {
  return (name) => {
    const metadata = { namespace: namespaceOf(turn.resource), name };
    const own = cluster.child({ ...SECRET, metadata });
    return own === undefined ? turn.referenced.get(name) : decodeSecret(own);
  };
}

async function readReferenced(resource: CollabEditor, cluster: Cluster): Promise<Map<string, SecretData>> {
  const found = new Map<string, SecretData>();
  for (const { name } of referencedSecrets(resource.spec)) {
    const secret = await cluster.secret({ namespace: namespaceOf(resource), name });
    if (secret !== undefined) found.set(name, decodeSecret(secret));
  }
  return found;
}

function referenceProblems(resource: CollabEditor, referenced: ReadonlyMap<string, SecretData>): Problem[] {
  const problems: Problem[] = [];
  for (const { name, field, keys } of referencedSecrets(resource.spec)) {
    const data = referenced.get(name);
    if (data === undefined) {
      problems.push({ reason: 'SecretMissing', message: `Secret ${name}, named by ${field}, does not exist.` });
      continue;
    }
    const missing = keys.filter((key) => data[key] === undefined);
    if (missing.length > 0) {
      problems.push({
        reason: 'SecretKeyMissing',
        message: `Secret ${name}, named by ${field}, lacks ${missing.join(', ')}.`,
      });
    }
  }
  for (const store of storeNames) {
    const name = resource.spec[store].external?.secretName;
    const wrong = name === undefined ? [] : externalProblems(store, referenced.get(name) ?? {});
    if (wrong.length > 0)
      problems.push({ reason: 'SecretInvalid', message: `Secret ${name ?? ''}: ${wrong.join('; ')}.` });
  }
  return problems;
}

/** Two environments can't be told apart behind one host: the older one keeps it. */
function hostProblem(resource: CollabEditor, cluster: Cluster): Problem[] {
  const place = placeOf(resource);
  if (place === undefined) return [];
  const older = cluster
    .resources()
    .filter(({ metadata }) => metadata.uid !== resource.metadata.uid && metadata.deletionTimestamp === undefined)
    .filter((other) => placeOf(other) === place && isBefore(other, resource))
    .map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`);
  if (older.length === 0) return [];
  const message = `CollabEditor ${older.toSorted()[0] ?? ''} is served at the same place already (${place}); set spec.exposure.host.`;
  return [{ reason: 'HostConflict', message }];
}

function placeOf(resource: object): string | undefined {
  const spec = at(resource, 'spec');
  const type = textAt(spec, 'exposure', 'type') ?? 'Ingress';
  if (type === 'None') return undefined;
  const host = textAt(spec, 'exposure', 'host') ?? 'no host';
  if (type === 'Ingress')
    return `Ingress class ${textAt(spec, 'exposure', 'ingress', 'className') ?? '(default)'}, ${host}`;
  return `Gateway ${listAt(spec, 'exposure', 'gateway', 'parentRefs')
    .map((ref) => textAt(ref, 'name'))
    .join(', ')}, ${host}`;
}

/** By age; times count whole seconds, so of two of one second the one that is served already keeps its place. */
function isBefore(a: Pick<KubeObject, 'metadata'>, b: Pick<KubeObject, 'metadata'>): boolean {
  return rankOf(a) < rankOf(b);
}

function rankOf(resource: Pick<KubeObject, 'metadata'>): string {
  const { creationTimestamp = '', uid = '' } = resource.metadata;
  const isServed = listAt(resource, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Exposed' && textAt(condition, 'status') === 'True',
  );
  return `${creationTimestamp} ${isServed ? 0 : 1} ${uid}`;
}

function factsOf(
  { resource, referenced, gatewayAddress }: Pick<Turn, 'resource' | 'referenced' | 'gatewayAddress'>,
  cluster: Cluster,
): Facts {
  const key = { namespace: namespaceOf(resource), name: resource.metadata.name };
  const secretHashes: Record<string, Record<string, string>> = {};
  for (const [name, data] of referenced) secretHashes[name] = keyHashes(data);
  for (const child of cluster.children(key))
    if (child.kind === 'Secret') secretHashes[child.metadata.name] = keyHashes(decodeSecret(child));
  return {
    installed: installedKinds((kind) => cluster.has(kind)),
    address: gatewayAddress ?? addressOf(key, cluster),
    secretHashes,
    replicas: replicasOf(resource, key.namespace, cluster),
    volumes: volumesOf(resource, key.namespace, cluster),
    external: externalOf(resource, referenced),
  };
}

/** The address that an Ingress controller wrote. */
function addressOf(key: ObjectKey, cluster: Cluster): string | null {
  const ingress = cluster.children(key).find(({ kind }) => kind === 'Ingress');
  const [first] = listAt(ingress, 'status', 'loadBalancer', 'ingress');
  return textAt(first, 'hostname') ?? textAt(first, 'ip') ?? null;
}

/** Of a Gateway the address has to be asked for: it is not ours, so it is not watched. With a host nobody needs it. */
async function gatewayAddressOf({ spec, metadata }: CollabEditor, client: Ports['client']): Promise<string | null> {
  const [parent] = spec.exposure.gateway.parentRefs;
  if (spec.exposure.type !== 'Gateway' || spec.exposure.host !== undefined || parent === undefined) return null;
  const gateway = await client.find(GATEWAY, {
    namespace: parent.namespace ?? metadata.namespace ?? 'default',
    name: parent.name,
  });
  return textAt(listAt(gateway, 'status', 'addresses')[0], 'value') ?? null;
}

function replicasOf(resource: CollabEditor, namespace: string, cluster: Cluster): Facts['replicas'] {
  const replicas: Facts['replicas'] = {};
  for (const service of serviceNames) {
    if (resource.spec.services[service].autoscaling === undefined) continue;
    const live = cluster.child({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { namespace, name: serviceName(resource, service) },
    });
    if (live === undefined) continue;
    const scaledByOther =
      live.metadata.managedFields?.some(
        ({ manager, operation }) => manager !== FIELD_MANAGER || operation !== 'Apply',
      ) ?? false;
    replicas[service] = scaledByOther ? null : (numberAt(live, 'spec', 'replicas') ?? null);
  }
  return replicas;
}

function volumesOf(resource: CollabEditor, namespace: string, cluster: Cluster): Facts['volumes'] {
  const volumes: Partial<Record<VolumeOwner, VolumeClaim>> = {};
  for (const owner of volumeOwners) {
    const live = cluster.child({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { namespace, name: `${resource.metadata.name}-${owner}` },
    });
    const [claim] = listAt(live, 'spec', 'volumeClaimTemplates');
    const storage = textAt(claim, 'spec', 'resources', 'requests', 'storage');
    const storageClassName = textAt(claim, 'spec', 'storageClassName');
    if (storage !== undefined)
      volumes[owner] = { storage, ...(storageClassName !== undefined && { storageClassName }) };
  }
  return volumes;
}

function externalOf(resource: CollabEditor, referenced: ReadonlyMap<string, SecretData>): Facts['external'] {
  const external: Facts['external'] = {};
  for (const store of storeNames) {
    const data = referenced.get(resource.spec[store].external?.secretName ?? '');
    if (data !== undefined)
      external[store] = { admin: data['adminUri'] !== undefined, ca: data['ca.crt'] !== undefined };
  }
  return external;
}
