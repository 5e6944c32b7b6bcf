import { lostFields, hashOf } from '../kube/ownership.ts';
import type { KubeObject } from '../kube/types.ts';
import type { Manifest } from '../resources/types.ts';

/** The name under which our fields are owned. */
export const FIELD_MANAGER = 'collabeditor-operator';

/** Annotation with the hash of the object as we last applied it: what we no longer want shows by it. */
export const APPLIED_HASH = 'collabeditor.dev/applied-hash';

/** What an object needs. */
export type Step =
  | { step: 'none' }
  /** Not in the cache. */
  | { step: 'create' }
  | { step: 'apply'; fields: string[] }
  /** It is being deleted: its successor comes after it. */
  | { step: 'wait' };

/** The object as it is applied: with the hash of itself. */
export function withHash(manifest: Manifest): KubeObject {
  const { annotations } = manifest.metadata;
  return {
    ...manifest,
    metadata: { ...manifest.metadata, annotations: { ...annotations, [APPLIED_HASH]: hashOf(manifest) } },
  };
}

/** The hash that an object carries. */
export function appliedHash({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[APPLIED_HASH];
}

/**
 * Compares what is wanted with what is: by the hash of what we applied (shows what we want no longer) and by the fields
 * that are still ours (shows what others changed). `contested` fields are taken from us by the server at once, by a
 * webhook for instance, and are let go.
 */
export function planStep(
  wanted: KubeObject,
  live: KubeObject | undefined,
  contested: ReadonlySet<string> = new Set(),
): Step {
  if (live === undefined) return { step: 'create' };
  if (live.metadata.deletionTimestamp !== undefined) return { step: 'wait' };
  const hash = `metadata.annotations.${APPLIED_HASH}`;
  const fields = lostFields(wanted, live, FIELD_MANAGER).filter((field) => !contested.has(field));
  if (appliedHash(live) !== appliedHash(wanted) && !fields.includes(hash)) fields.push(hash);
  return fields.length === 0 ? { step: 'none' } : { step: 'apply', fields };
}

/** Whose an object of a wanted name is. */
export type Ownership = 'ours' | 'leaving' | 'foreign';

/**
 * Ours is what our resource owns by UID, and what it retained: objects without an owner that carry our labels.
 * Leaving is what an earlier resource of the same name owned: the garbage collector is about to take it away.
 */
export function ownershipOf(live: KubeObject, owner: KubeObject['metadata'], instance: string): Ownership {
  const owners = live.metadata.ownerReferences ?? [];
  if (owners.some(({ uid }) => uid === owner.uid)) return 'ours';
  if (owners.some(({ kind, name }) => kind === 'CollabEditor' && name === owner.name)) return 'leaving';
  const labels = live.metadata.labels ?? {};
  const labelled =
    labels['app.kubernetes.io/managed-by'] === FIELD_MANAGER && labels['app.kubernetes.io/instance'] === instance;
  return owners.length === 0 && labelled ? 'ours' : 'foreign';
}
