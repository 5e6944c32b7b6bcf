import { storeNames, type CollabEditor } from '../api/types.ts';
import type { KubeObject } from '../kube/types.ts';
import type { Check } from '../status/observed.ts';
import { namespaceOf } from '../resources/names.ts';
import { brokerRequest, cacheRequest, databaseRequest, type AccountSources } from './accounts.ts';
import { COLLAB_EDITOR } from './cluster.ts';
import type { Ports, Turn } from './context.ts';
import { secretData } from './observe.ts';

/** Holds a resource back until what it has in stores that somebody else runs is gone. Nothing else needs a finalizer: owners do the rest. */
const FINALIZER = 'collabeditor.dev/external-stores';

/** After so long the resource goes even if a store can't be cleared: a store that is gone for good must not hold it for ever. */
const PATIENCE_MS = 10 * 60_000;

/** Whether the finalizer has to be there: for `Delete` with external stores only. */
function needsFinalizer({ spec }: CollabEditor): boolean {
  return spec.deletionPolicy === 'Delete' && storeNames.some((store) => spec[store].external !== undefined);
}

/** Sets or takes off the finalizer as the spec has it. Returns the resource as it then is. */
export async function keepFinalizer(
  raw: KubeObject,
  resource: CollabEditor,
  { client, cluster }: Ports,
): Promise<KubeObject> {
  const present = raw.metadata.finalizers ?? [];
  if (present.includes(FINALIZER) === needsFinalizer(resource)) return raw;
  const finalizers = needsFinalizer(resource) ? [...present, FINALIZER] : present.filter((one) => one !== FINALIZER);
  return writeFinalizers(raw, finalizers, { client, cluster });
}

/** Clears the external stores of a resource that is being deleted, then lets it go. Returns when to come again, if at all. */
export async function finalize(
  turn: Pick<Turn, 'raw' | 'resource' | 'referenced'>,
  ports: Ports,
): Promise<number | undefined> {
  const { raw, resource } = turn;
  const present = raw.metadata.finalizers ?? [];
  if (!present.includes(FINALIZER)) return undefined;
  const failures = await dropAll(turn, ports);
  const waitedFor = ports.now().getTime() - Date.parse(raw.metadata.deletionTimestamp ?? '');
  if (failures.length > 0) {
    const note = failures.join(' ');
    if (waitedFor < PATIENCE_MS) {
      ports.events.record(raw, { type: 'Warning', reason: 'CleanupFailed', action: 'Finalize', note });
      return 15_000;
    }
    ports.events.record(raw, {
      type: 'Warning',
      reason: 'CleanupGivenUp',
      action: 'Finalize',
      note: `What the environment has in external stores stays there. ${note}`,
    });
  }
  await writeFinalizers(
    raw,
    present.filter((one) => one !== FINALIZER),
    ports,
  );
  ports.log.info(
    { event: 'external_stores_cleared', namespace: namespaceOf(resource), name: resource.metadata.name },
    'What the environment had in external stores is gone',
  );
  return undefined;
}

async function dropAll(turn: Pick<Turn, 'resource' | 'referenced'>, ports: Ports): Promise<string[]> {
  const { resource } = turn;
  const sources: AccountSources = {
    resource,
    data: secretData(turn, ports.cluster),
    host: (store) => ports.storeHost(resource, store),
  };
  const external = (store: 'postgres' | 'redis' | 'rabbitmq') => resource.spec[store].external !== undefined;
  const checks = await Promise.all([
    external('postgres') ? drop(databaseRequest(sources), (request) => ports.stores.dropDatabase(request)) : done,
    external('redis') ? drop(cacheRequest(sources), (request) => ports.stores.dropCache(request)) : done,
    external('rabbitmq') ? drop(brokerRequest(sources), (request) => ports.stores.dropBroker(request)) : done,
  ]);
  return checks.flatMap((check) =>
    check.state === 'failed' ? [check.problem.message] : check.state === 'waiting' ? ['A Secret is missing.'] : [],
  );
}

const done: Check = { state: 'ok' };

async function drop<T>(request: T | undefined, ask: (request: T) => Promise<Check>): Promise<Check> {
  return request === undefined ? { state: 'waiting' } : ask(request);
}

async function writeFinalizers(
  raw: KubeObject,
  finalizers: string[],
  { client, cluster }: Pick<Ports, 'client' | 'cluster'>,
): Promise<KubeObject> {
  const { namespace, name, resourceVersion } = raw.metadata;
  const written = await client.patch(COLLAB_EDITOR, { namespace, name }, { metadata: { finalizers, resourceVersion } });
  cluster.wrote(written);
  return written;
}
