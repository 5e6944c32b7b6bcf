import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../kube/types.ts';
import { differences } from './difference.ts';
import { APPLIED_HASH, FIELD_MANAGER, ownershipOf, planStep, withHash } from './plan.ts';

const manifest = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'n', name: 'a', labels: { app: 'x' } },
  data: { k: 'v' },
};
const wanted = withHash(manifest);

function live(fields: Record<string, unknown> = {}, annotations = wanted.metadata.annotations ?? {}): KubeObject {
  const owned = {
    'f:metadata': { 'f:labels': { 'f:app': {} }, 'f:annotations': { [`f:${APPLIED_HASH}`]: {} } },
    'f:data': { 'f:k': {} },
    ...fields,
  };
  return {
    ...wanted,
    metadata: {
      ...wanted.metadata,
      annotations,
      managedFields: [{ manager: FIELD_MANAGER, operation: 'Apply', fieldsV1: owned }],
    },
  };
}

describe('the plan for one object', () => {
  it('[OC3] is to do nothing where all fields are ours and the hash is the same', () => {
    expect(planStep(wanted, live())).toEqual({ step: 'none' });
  });

  it('[OC7] is to apply where a field is lost or something else is wanted', () => {
    expect(planStep(wanted, live({ 'f:data': {} }))).toEqual({ step: 'none' });
    expect(planStep(wanted, live({ 'f:data': { 'f:other': {} } }))).toEqual({ step: 'apply', fields: ['data.k'] });
    const other = withHash({ ...manifest, data: {} });
    expect(planStep(other, live())).toEqual({ step: 'apply', fields: [`metadata.annotations.${APPLIED_HASH}`] });
  });

  it('[OC7] lets go what the server took at once', () => {
    expect(planStep(wanted, live({ 'f:data': { 'f:other': {} } }), new Set(['data.k']))).toEqual({ step: 'none' });
  });

  it('[OC5] is to make it where it is missing, and to wait while it leaves', () => {
    expect(planStep(wanted, undefined)).toEqual({ step: 'create' });
    const leaving = live();
    expect(planStep(wanted, { ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: 'now' } })).toEqual({
      step: 'wait',
    });
  });
});

describe('whose an object is', () => {
  const owner = { namespace: 'n', name: 'team', uid: 'u2' };
  const owned = (uid: string) => ({
    ownerReferences: [{ apiVersion: 'collabeditor.dev/v1alpha1', kind: 'CollabEditor', name: 'team', uid }],
  });
  const labels = { 'app.kubernetes.io/managed-by': FIELD_MANAGER, 'app.kubernetes.io/instance': 'team' };
  const object = (metadata: Partial<KubeObject['metadata']>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', ...metadata },
  });

  it('[OC8, OC12] is decided by the owner, for retained ones by our labels', () => {
    expect(ownershipOf(object(owned('u2')), owner, 'team')).toBe('ours');
    expect(ownershipOf(object({ ...owned('u1'), labels }), owner, 'team')).toBe('leaving');
    expect(ownershipOf(object({ labels }), owner, 'team')).toBe('ours');
    expect(ownershipOf(object({ labels: { ...labels, 'app.kubernetes.io/instance': 'other' } }), owner, 'team')).toBe(
      'foreign',
    );
    expect(ownershipOf(object({}), owner, 'team')).toBe('foreign');
    expect(
      ownershipOf(
        object({ ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'x' }], labels }),
        owner,
        'team',
      ),
    ).toBe('foreign');
  });
});

describe('differences', () => {
  it('[OC11, OC33] are the wanted fields that have another value', () => {
    const before = {
      apiVersion: 'v1',
      kind: 'X',
      metadata: { name: 'a' },
      spec: {
        replicas: 1,
        cpu: '100m',
        list: [
          { name: 'b', v: 1 },
          { name: 'a', v: 1 },
        ],
        mine: 1,
      },
    };
    const then = {
      apiVersion: 'v1',
      kind: 'X',
      metadata: { name: 'a', labels: { l: '1' } },
      spec: { replicas: 2, cpu: 0.1, list: [{ name: 'a', v: 2 }, { name: 'c' }], none: {} },
    };
    expect(differences(then, before).map(({ field }) => field)).toEqual([
      'metadata.labels',
      'spec.replicas',
      'spec.list[a].v',
      'spec.list[c]',
    ]);
  });
});
