import type { CollabEditor } from '../api/types.ts';
import { labelsOf } from './labels.ts';
import type { Role } from './labels.ts';
import { namespaceOf } from './names.ts';
import type { Manifest, OwnerReference } from './types.ts';

export interface Child {
  apiVersion: string;
  kind: string;
  name: string;
  component: string;
  role: Role;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** Outlives the resource: carries no owner. */
  retained?: boolean;
}

/** The manifest of a child: named, labelled, owned; `body` is what is its own. */
export function child(resource: CollabEditor, about: Child, body: Record<string, unknown> = {}): Manifest {
  const owners = about.retained === true ? [] : ownerReferences(resource);
  return {
    apiVersion: about.apiVersion,
    kind: about.kind,
    metadata: {
      name: about.name,
      namespace: namespaceOf(resource),
      labels: { ...labelsOf(resource, about.component, about.role), ...about.labels },
      ...(about.annotations === undefined ? {} : { annotations: about.annotations }),
      ...(owners.length === 0 ? {} : { ownerReferences: owners }),
    },
    ...body,
  };
}

/** `render` works on resources that no API server has seen: those have no uid and can own nothing. */
function ownerReferences({ apiVersion, kind, metadata }: CollabEditor): OwnerReference[] {
  if (metadata.uid === undefined) return [];
  return [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true }];
}
