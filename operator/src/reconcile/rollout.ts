import type { CollabEditor, StoreName } from '../api/types.ts';
import { listAt, numberAt, textAt } from '../kube/json.ts';
import type { KubeObject } from '../kube/types.ts';
import { namespaceOf, serviceName, storeName } from '../resources/names.ts';
import type { Manifest } from '../resources/types.ts';
import type { Check } from '../status/observed.ts';
import { specProblems } from '../status/problems.ts';
import { brokerRequest, cacheRequest, databaseRequest, type AccountSources, type Wanted } from './accounts.ts';
import { applyObject, titleOf } from './apply.ts';
import { comeAgain, type Ports, type Turn } from './context.ts';
import { refresh, secretData } from './observe.ts';
import { withHash } from './plan.ts';
import { prune } from './prune.ts';
import { decodeSecret, encodeSecret, newSeed, secretContents, SEED_KEY } from './secrets.ts';

const WAIT_MS = 1_000;
const STORE_RETRY_MS = 3_000;

/** One step of the rollout: puts right what it is about and says whether the next one may go. */
type Step = (turn: Turn, ports: Ports) => Promise<boolean>;

const steps: Step[] = [
  accepted,
  secrets,
  base,
  exposure,
  stores,
  monitoring,
  accountsAndTopology,
  migration,
  services,
  prune,
];

/** Goes as far as it can. What an earlier rollout made keeps running where this one stops. */
export async function rollOut(turn: Turn, ports: Ports): Promise<void> {
  for (const step of steps) if (!(await step(turn, ports))) return;
}

/** What only the operator can see is wrong with the spec never touches what runs. */
async function accepted({ problems, resource, facts }: Turn, { release }: Ports): Promise<boolean> {
  return problems.length === 0 && !specProblems({ resource, release, facts }).some(({ blocks }) => blocks);
}

async function secrets(turn: Turn, ports: Ports): Promise<boolean> {
  const seed = await seedOf(turn, ports);
  if (seed === undefined) return false;
  const sources = { seed, data: secretData(turn, ports.cluster), now: ports.now() };
  const adopted: string[] = [];
  for (const spec of turn.desired.secrets) {
    // Of a Secret that the cache does not know yet the live contents count: a password is never made twice.
    const live = await findSecret(spec.manifest, ports);
    const data = (name: string) =>
      name === spec.manifest.metadata.name && live !== undefined ? decodeSecret(live) : sources.data(name);
    const contents = secretContents(spec, { ...sources, data });
    if (!(await applySecret(spec.manifest, encodeSecret(contents), live, { turn, ports }))) return false;
    if (live !== undefined && spec.retained) adopted.push(spec.manifest.metadata.name);
  }
  tellAdopted(adopted, turn, ports);
  refresh(turn, ports);
  return true;
}

/** A new resource of an earlier one's name takes up what that one left: its volumes and what opens them. */
function tellAdopted(names: string[], { raw, resource }: Turn, { events }: Ports): void {
  if (names.length === 0 || resource.status !== undefined) return;
  const note = `Takes up what an earlier CollabEditor ${resource.metadata.name} left: the volumes that Secrets ${names.join(', ')} open.`;
  events.record(raw, { type: 'Normal', reason: 'Adopted', action: 'Reconcile', note });
}

/** The seed of all generated passwords, in a Secret that is made once and never written again. */
async function seedOf(turn: Turn, ports: Ports): Promise<string | undefined> {
  const manifest = seedManifest(turn);
  const live = await findSecret(manifest, ports);
  const seed = live === undefined ? newSeed() : decodeSecret(live)[SEED_KEY];
  if (seed === undefined) {
    turn.problems.push({
      reason: 'SecretKeyMissing',
      message: `Secret ${manifest.metadata.name} has lost its key ${SEED_KEY}; delete it and a new one is made.`,
    });
    return undefined;
  }
  const applied = await applySecret(manifest, encodeSecret({ [SEED_KEY]: seed }), live, { turn, ports });
  return applied ? seed : undefined;
}

function seedManifest({ resource, desired }: Turn): Manifest {
  const name = `${resource.metadata.name}-seed`;
  const like =
    desired.secrets.find(({ retained }) => retained === (resource.spec.deletionPolicy === 'Retain')) ??
    desired.secrets[0];
  const { ownerReferences, ...metadata } = like?.manifest.metadata ?? {
    name,
    namespace: namespaceOf(resource),
    labels: {},
  };
  const retained = resource.spec.deletionPolicy === 'Retain';
  const labels = { ...metadata.labels, 'app.kubernetes.io/name': 'seed', 'app.kubernetes.io/component': 'environment' };
  const owned = retained || ownerReferences === undefined ? {} : { ownerReferences };
  return { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata: { ...metadata, ...owned, name, labels } };
}

async function findSecret(manifest: Manifest, { cluster, client }: Ports): Promise<KubeObject | undefined> {
  const type = cluster.typeOf(manifest);
  if (type === undefined) return undefined;
  return cluster.child(manifest) ?? (await client.find(type, manifest.metadata));
}

/** A Secret is written only on top of the version that its contents were computed from. */
async function applySecret(
  manifest: Manifest,
  data: Record<string, string>,
  live: KubeObject | undefined,
  of: { turn: Turn; ports: Ports },
): Promise<boolean> {
  const wanted = withHash({ ...manifest, data });
  const resourceVersion = live?.metadata.resourceVersion;
  if (resourceVersion !== undefined) wanted.metadata.resourceVersion = resourceVersion;
  return applyWanted(wanted, of.turn, of.ports);
}

async function base(turn: Turn, ports: Ports): Promise<boolean> {
  return applyAll(turn.desired.base, turn, ports);
}

async function exposure(turn: Turn, ports: Ports): Promise<boolean> {
  return applyAll(turn.desired.exposure, turn, ports);
}

async function stores(turn: Turn, ports: Ports): Promise<boolean> {
  return applyAll(turn.desired.stores, turn, ports);
}

/** Roles, users and topology. A store that is away stops only what was never there before: see `migration` and `services`. */
async function accountsAndTopology(turn: Turn, ports: Ports): Promise<boolean> {
  const { resource, checks } = turn;
  const sources: AccountSources = {
    resource,
    data: secretData(turn, ports.cluster),
    host: (store) => ports.storeHost(resource, store),
  };
  const broker = brokerRequest(sources);
  [checks.postgres, checks.redis, checks.rabbitmq] = await Promise.all([
    check('postgres', databaseRequest(sources), (request) => ports.stores.database(request), { turn, ports }),
    check('redis', cacheRequest(sources), (request) => ports.stores.cache(request), { turn, ports }),
    check('rabbitmq', broker, (request) => ports.stores.broker(request), { turn, ports }),
  ]);
  if (checks.rabbitmq.state === 'ok')
    checks.topology = await check('rabbitmq', broker, (request) => ports.stores.topology(request), { turn, ports });
  if (Object.values(checks).some(({ state }) => state === 'failed')) comeAgain(turn, STORE_RETRY_MS);
  return true;
}

async function check<T>(
  store: StoreName,
  request: Wanted<T>,
  ask: (request: T) => Promise<Check>,
  { turn, ports }: { turn: Turn; ports: Ports },
): Promise<Check> {
  if (request === undefined || !isStarted(turn.resource, store, ports)) return { state: 'waiting' };
  return ask(request);
}

/** A managed store is asked once its pod is ready; before that its silence says nothing. */
function isStarted(resource: CollabEditor, store: StoreName, { cluster }: Ports): boolean {
  if (resource.spec[store].managed === undefined) return true;
  const metadata = { namespace: namespaceOf(resource), name: storeName(resource, store) };
  return (
    (numberAt(cluster.child({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata }), 'status', 'readyReplicas') ??
      0) > 0
  );
}

/** The Job is made once the database is ready; a finished one counts even while the database is away. */
async function migration(turn: Turn, ports: Ports): Promise<boolean> {
  const jobs = turn.desired.migration;
  if (jobs.every((job) => isComplete(ports.cluster.child(job)))) return true;
  if (turn.checks.postgres.state !== 'ok') return false;
  return (await applyAll(jobs, turn, ports)) && jobs.every((job) => isComplete(ports.cluster.child(job)));
}

function isComplete(job: KubeObject | undefined): boolean {
  return listAt(job, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Complete' && textAt(condition, 'status') === 'True',
  );
}

/** The first services wait for the topology; later ones roll out whatever the broker does. */
async function services(turn: Turn, ports: Ports): Promise<boolean> {
  const { resource } = turn;
  const metadata = { namespace: namespaceOf(resource), name: serviceName(resource, 'user') };
  const first = ports.cluster.child({ apiVersion: 'apps/v1', kind: 'Deployment', metadata }) === undefined;
  if (first && turn.checks.topology.state !== 'ok') return false;
  return applyAll(turn.desired.services, turn, ports);
}

/** Before what may fail, since it shows why; and nobody waits for it. */
async function monitoring(turn: Turn, ports: Ports): Promise<boolean> {
  await applyAll(turn.desired.monitoring, turn, ports);
  return true;
}

/** Applies each; one that is refused does not stop its siblings, but the next step. */
async function applyAll(manifests: Manifest[], turn: Turn, ports: Ports): Promise<boolean> {
  let all = true;
  for (const manifest of manifests) all = (await applyWanted(withHash(manifest), turn, ports)) && all;
  return all;
}

async function applyWanted(wanted: KubeObject, turn: Turn, ports: Ports): Promise<boolean> {
  const applied = await applyObject(wanted, turn.raw.metadata, ports);
  switch (applied.result) {
    case 'unchanged':
      return true;
    case 'created':
    case 'changed':
      turn.written.push(`${applied.result} ${titleOf(wanted)}`);
      return true;
    case 'waiting':
      comeAgain(turn, WAIT_MS);
      return false;
    case 'refused':
      turn.problems.push(applied.problem);
      return false;
  }
}
