import type { Drift } from '../api/types.ts';
import { lostFields } from '../kube/ownership.ts';
import { manifests } from '../resources/index.ts';
import { namespaceOf } from '../resources/names.ts';
import { titleOf } from './apply.ts';
import type { Ports, Turn } from './context.ts';
import { differences } from './difference.ts';
import { appliedHash, APPLIED_HASH, FIELD_MANAGER, withHash } from './plan.ts';
import { surplusOf } from './prune.ts';
import type { KubeObject } from '../kube/types.ts';

const LIMIT = 200;

/** What a rollout would change, field by field. Reads only caches; Secrets show as missing or there. */
export function driftOf(
  turn: Pick<Turn, 'raw' | 'resource' | 'desired'>,
  { cluster }: Pick<Ports, 'cluster'>,
): Drift[] {
  const drift: Drift[] = [];
  for (const { manifest } of turn.desired.secrets)
    if (cluster.child(manifest) === undefined) drift.push({ object: titleOf(manifest), field: '' });
  for (const manifest of manifests(turn.desired)) {
    const live = cluster.child(manifest);
    const fields = live === undefined ? [''] : changedFields(withHash(manifest), live);
    drift.push(...fields.map((field) => ({ object: titleOf(manifest), field })));
  }
  const children = cluster.children({ namespace: namespaceOf(turn.resource), name: turn.resource.metadata.name });
  for (const surplus of surplusOf(turn, children)) drift.push({ object: titleOf(surplus), field: '' });
  return drift.slice(0, LIMIT);
}

/** Fields that others changed, and fields that the spec wants otherwise since they were applied. */
function changedFields(wanted: KubeObject, live: KubeObject): string[] {
  const fields = new Set(lostFields(wanted, live, FIELD_MANAGER).filter((field) => !field.endsWith(APPLIED_HASH)));
  if (appliedHash(wanted) !== appliedHash(live)) {
    const different = differences(wanted, live).map(({ field }) => field);
    // What differs and is nowhere to be seen is a field that is wanted no more.
    for (const field of different.length === 0 && fields.size === 0 ? [''] : different) fields.add(field);
  }
  return [...fields];
}
