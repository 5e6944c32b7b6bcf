/** Volumes: what is asked for, and what a StatefulSet gets. */
import { storeNames } from '../api/types.ts';
import type { CollabEditor, ResolvedSpec } from '../api/types.ts';
import { labelsOf } from './labels.ts';
import type { Role } from './labels.ts';
import { isManaged } from './telemetry.ts';
import type { DesiredInput, VolumeClaim, VolumeOwner } from './types.ts';

/** Everything that has a volume of its own, where it is managed. */
export const volumeOwners: readonly VolumeOwner[] = [...storeNames, 'prometheus', 'loki'];

/** The volume that the spec asks for, and the field that does; null where the component is not managed. */
export function wantedVolume(spec: ResolvedSpec, owner: VolumeOwner): { claim: VolumeClaim; field: string } | null {
  if (owner === 'prometheus' || owner === 'loki') {
    if (!isManaged(spec, owner)) return null;
    const { metrics, logs, storageClassName } = spec.observability.storage;
    const storage = owner === 'prometheus' ? metrics : logs;
    const claim = { storage, ...(storageClassName === undefined ? {} : { storageClassName }) };
    return { claim, field: 'spec.observability.storage' };
  }
  const { managed } = spec[owner];
  return managed === undefined ? null : { claim: managed, field: `spec.${owner}.managed` };
}

/** A claim that exists wins over the spec: a StatefulSet refuses changes of its claims, and the status tells the difference. */
export function volumeOf({ resource, facts }: DesiredInput, owner: VolumeOwner): VolumeClaim {
  return facts.volumes[owner] ?? wantedVolume(resource.spec, owner)?.claim ?? { storage: '1Gi' };
}

/** What a StatefulSet with one volume says of it: `data`, and what becomes of it. */
export function volumeFields(input: DesiredInput, owner: VolumeOwner, role: Role) {
  const policy = input.resource.spec.deletionPolicy;
  return {
    persistentVolumeClaimRetentionPolicy: { whenDeleted: policy, whenScaled: 'Retain' },
    volumeClaimTemplates: [claimTemplate(input.resource, owner, role, volumeOf(input, owner))],
  };
}

function claimTemplate(resource: CollabEditor, owner: VolumeOwner, role: Role, claim: VolumeClaim) {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', labels: labelsOf(resource, owner, role) },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: claim.storage } },
      ...(claim.storageClassName === undefined ? {} : { storageClassName: claim.storageClassName }),
    },
  };
}
