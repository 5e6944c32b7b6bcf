import type { CollabEditor } from '../api/types.ts';

/** What every child carries; caches watch and prune by it. */
const managedBy = { 'app.kubernetes.io/managed-by': 'collabeditor-operator' } as const;

/** Part that a child plays; `app.kubernetes.io/component`. */
export type Role = 'service' | 'database' | 'cache' | 'broker' | 'migration' | 'monitoring' | 'environment';

/** Labels by which an environment's objects are found. */
export function environmentLabels(resource: Pick<CollabEditor, 'metadata'>): Record<string, string> {
  return {
    'app.kubernetes.io/instance': resource.metadata.name,
    'app.kubernetes.io/part-of': 'collabeditor',
    ...managedBy,
  };
}

/** Labels of one component's objects and pods. */
export function labelsOf(
  resource: Pick<CollabEditor, 'metadata'>,
  component: string,
  role: Role,
): Record<string, string> {
  return {
    'app.kubernetes.io/name': component,
    'app.kubernetes.io/component': role,
    ...environmentLabels(resource),
  };
}

/** Labels that select one component's pods; never changed, because a selector can't be. */
export function selectorOf(resource: Pick<CollabEditor, 'metadata'>, component: string): Record<string, string> {
  return { 'app.kubernetes.io/name': component, 'app.kubernetes.io/instance': resource.metadata.name };
}
