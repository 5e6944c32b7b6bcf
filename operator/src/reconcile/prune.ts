import { namespaceOf } from '../resources/names.ts';
import { manifests } from '../resources/index.ts';
import { titleOf } from './apply.ts';
import type { Ports, Turn } from './context.ts';
import type { KubeObject } from '../kube/types.ts';

/** Deletes the children that are wanted no more. Only what this very resource owns; retained objects are not owned by it. */
export async function prune(turn: Turn, { client, cluster }: Ports): Promise<boolean> {
  for (const surplus of surplusOf(
    turn,
    cluster.children({ namespace: namespaceOf(turn.resource), name: turn.resource.metadata.name }),
  )) {
    const type = cluster.typeOf(surplus);
    const { uid } = surplus.metadata;
    if (type === undefined || uid === undefined) continue;
    await client.delete(type, surplus.metadata, { uid });
    turn.written.push(`deleted ${titleOf(surplus)}`);
  }
  return true;
}

/** Children that exist and are not wanted. */
export function surplusOf({ raw, desired }: Pick<Turn, 'raw' | 'desired'>, children: KubeObject[]): KubeObject[] {
  const wanted = new Set([...desired.secrets.map(({ manifest }) => manifest), ...manifests(desired)].map(nameOf));
  wanted.add(`v1/Secret/${raw.metadata.name}-seed`);
  return children.filter(
    (child) =>
      !wanted.has(nameOf(child)) &&
      child.metadata.deletionTimestamp === undefined &&
      child.metadata.ownerReferences?.some(({ uid }) => uid === raw.metadata.uid) === true,
  );
}

function nameOf({
  apiVersion,
  kind,
  metadata,
}: {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}): string {
  return `${apiVersion}/${kind}/${metadata.name}`;
}
