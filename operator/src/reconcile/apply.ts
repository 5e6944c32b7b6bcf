import { isConflict, isNotFound, KubeError } from '../kube/errors.ts';
import type { KubeClient } from '../kube/client.ts';
import { keyOf } from '../kube/cache.ts';
import type { KubeObject, ResourceType } from '../kube/types.ts';
import type { Problem } from '../status/observed.ts';
import type { Cluster } from './cluster.ts';
import { lostFields } from '../kube/ownership.ts';
import { appliedHash, FIELD_MANAGER, ownershipOf, planStep } from './plan.ts';

/** What became of one wanted object. */
export type Applied =
  | { result: 'unchanged' | 'created' | 'changed'; live: KubeObject }
  /** An earlier object of the name is on its way out: come again. */
  | { result: 'waiting' }
  /** Only the one who wrote the resource, or the foreign object, can help. */
  | { result: 'refused'; problem: Problem };

export interface ApplyPorts {
  client: Pick<KubeClient, 'find' | 'apply' | 'patch'>;
  cluster: Pick<Cluster, 'child' | 'wrote' | 'typeOf'>;
  contested: ContestedFields;
}

/**
 * Fields that the server took from us in the very answer to our own write (a webhook changed them). Remembered per
 * object and wanted state, so that we do not write for ever.
 */
export class ContestedFields {
  readonly #fields = new Map<string, { hash: string | undefined; fields: ReadonlySet<string> }>();

  of(wanted: KubeObject): ReadonlySet<string> {
    const known = this.#fields.get(nameOf(wanted));
    return known !== undefined && known.hash === appliedHash(wanted) ? known.fields : new Set();
  }

  learn(wanted: KubeObject, fields: string[]): void {
    if (fields.length === 0) this.#fields.delete(nameOf(wanted));
    else this.#fields.set(nameOf(wanted), { hash: appliedHash(wanted), fields: new Set(fields) });
  }
}

/** Makes one object as wanted, with no request where it is. */
export async function applyObject(
  wanted: KubeObject,
  owner: KubeObject['metadata'],
  ports: ApplyPorts,
): Promise<Applied> {
  const { client, cluster, contested } = ports;
  const type = cluster.typeOf(wanted);
  if (type === undefined)
    return refused('ApplyFailed', `The API server knows no ${wanted.kind} (${wanted.apiVersion}).`);
  const cached = cluster.child(wanted);
  // What is not in the cache may still be there: foreign, not labelled, or too new.
  const live = cached ?? (await client.find(type, wanted.metadata));
  if (live !== undefined) {
    const ownership = ownershipOf(live, owner, owner.name);
    if (ownership === 'leaving') return { result: 'waiting' };
    if (ownership === 'foreign') return conflict(live);
  }
  const step = planStep(wanted, live, contested.of(wanted));
  if (step.step === 'wait') return { result: 'waiting' };
  if (step.step === 'none' && live !== undefined) {
    cluster.wrote(live);
    return { result: 'unchanged', live };
  }
  return write(wanted, live, type, ports);
}

async function write(
  wanted: KubeObject,
  live: KubeObject | undefined,
  type: ResourceType,
  ports: ApplyPorts,
): Promise<Applied> {
  const { client, cluster, contested } = ports;
  try {
    // Without force an object that somebody else made a moment ago is not taken over.
    const written =
      live === undefined ? await client.apply(type, wanted, { force: false }) : await change(wanted, type, client);
    contested.learn(wanted, lostFields(wanted, written, FIELD_MANAGER));
    cluster.wrote(written);
    return { result: live === undefined ? 'created' : 'changed', live: written };
  } catch (error) {
    if (live === undefined && isConflict(error)) return conflict(wanted);
    const problem = refusalOf(wanted, error);
    if (problem === undefined) throw error;
    return { result: 'refused', problem };
  }
}

/**
 * Takes over what is ours. Where somebody changed the key of a list's entry (a Service's port), applying adds ours beside it,
 * which the API server may refuse for the names that are then there twice; a merge patch replaces the list.
 */
async function change(wanted: KubeObject, type: ResourceType, client: ApplyPorts['client']): Promise<KubeObject> {
  try {
    return await client.apply(type, wanted, { force: true });
  } catch (error) {
    if (!isInvalid(error)) throw error;
    const fields = Object.entries(wanted).filter(([name]) => !['apiVersion', 'kind', 'metadata'].includes(name));
    await client.patch(type, wanted.metadata, Object.fromEntries(fields));
    return client.apply(type, wanted, { force: true });
  }
}

/** A refusal that a repetition would not change; undefined for any other error. */
function refusalOf(wanted: KubeObject, error: unknown): Problem | undefined {
  if (!(error instanceof KubeError) || isNotFound(error)) return undefined;
  const isFinal = error.status === 400 || isInvalid(error) || (error.status === 403 && error.reason === 'Forbidden');
  if (!isFinal) return undefined;
  return { reason: 'ApplyFailed', message: `The API server refused ${nameOf(wanted)}: ${error.message}` };
}

function isInvalid(error: unknown): boolean {
  return error instanceof KubeError && error.status === 422;
}

function conflict(live: KubeObject): Applied {
  return refused(
    'NameConflict',
    `${live.kind} ${live.metadata.name} exists and is not part of this environment; rename or delete it, or choose another name for the resource.`,
  );
}

function refused(reason: string, message: string): Applied {
  return { result: 'refused', problem: { reason, message } };
}

/** `Deployment team-user-service`, for people. */
export function titleOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name}`;
}

function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${keyOf(metadata)}`;
}
