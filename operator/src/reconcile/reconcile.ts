import { InvalidResource, parse } from '../api/parse.ts';
import type { CollabEditor } from '../api/types.ts';
import type { KubeObject, ObjectKey } from '../kube/types.ts';
import type { Ports, Turn } from './context.ts';
import { driftOf } from './drift.ts';
import { finalize, keepFinalizer } from './finalize.ts';
import { observe } from './observe.ts';
import { rollOut } from './rollout.ts';
import { writeStatus } from './status.ts';

/** The broker tells nobody when somebody deletes a queue, so it is looked at this often. */
const CHECK_AGAIN_MS = 15_000;

/** When to look again though nothing changed; undefined: when something changes. */
export interface Outcome {
  againMs: number | undefined;
}

const settled: Outcome = { againMs: undefined };

/**
 * Brings one environment nearer to what its resource says. Looks only at what is, never at what happened; does what is
 * left to do; stops at the first step that can't be done now and says so in the status. Doing it again changes nothing.
 */
export async function reconcile(key: ObjectKey, ports: Ports): Promise<Outcome> {
  const raw = ports.cluster.resource(key);
  if (raw === undefined) return settled;
  const resource = understood(raw, ports);
  if (resource === undefined) return settled;
  if (raw.metadata.deletionTimestamp !== undefined)
    return { againMs: await finalize(await observe(raw, resource, ports), ports) };

  const turn = await observe(raw, resource, ports);
  if (resource.spec.paused) turn.drift = driftOf(turn, ports);
  else await carryOut(turn, ports);
  await writeStatus(turn, ports);
  if (turn.written.length > 0)
    ports.log.info(
      { event: 'environment_reconciled', namespace: key.namespace, name: key.name, written: turn.written },
      'Children of the environment were written',
    );
  return { againMs: resource.spec.paused ? undefined : (turn.again ?? CHECK_AGAIN_MS) };
}

/** A step that throws is tried again later; what was seen until then is told all the same. */
async function carryOut(turn: Turn, ports: Ports): Promise<void> {
  try {
    turn.raw = await keepFinalizer(turn.raw, turn.resource, ports);
    await rollOut(turn, ports);
  } catch (error) {
    await writeStatus(turn, ports).catch(() => undefined);
    throw error;
  }
}

/** The resource with its defaults. The schema refuses what can't be understood, so this is for one that an older schema let in. */
function understood(raw: KubeObject, { events, log }: Ports): CollabEditor | undefined {
  try {
    return parse(raw);
  } catch (error) {
    if (!(error instanceof InvalidResource)) throw error;
    log.error(
      {
        event: 'resource_invalid',
        namespace: raw.metadata.namespace,
        name: raw.metadata.name,
        problems: error.problems,
      },
      'The resource is not valid',
    );
    events.record(raw, { type: 'Warning', reason: 'InvalidSpec', action: 'Reconcile', note: error.message });
    return undefined;
  }
}
