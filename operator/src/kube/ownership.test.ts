import { describe, expect, it } from '@jest/globals';
import { hashOf, lostFields } from './ownership.ts';
import type { KubeObject } from './types.ts';

const desired: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    namespace: 'n',
    name: 'a',
    labels: { app: 'x' },
    ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'u1' }],
  },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'x' } },
    template: {
      spec: {
        volumes: [{ name: 'tmp', emptyDir: {} }],
        containers: [
          { name: 'main', image: 'one', resources: { limits: { cpu: '0.1' } }, ports: [{ containerPort: 80 }] },
        ],
      },
    },
  },
};

const ours = {
  'f:metadata': { 'f:labels': { 'f:app': {} }, 'f:ownerReferences': { 'k:{"uid":"u1"}': {} } },
  'f:spec': {
    'f:replicas': {},
    'f:selector': {},
    'f:template': {
      'f:spec': {
        'f:volumes': { 'k:{"name":"tmp"}': { '.': {}, 'f:emptyDir': {}, 'f:name': {} } },
        'f:containers': {
          'k:{"name":"main"}': {
            '.': {},
            'f:name': {},
            'f:image': {},
            'f:resources': { 'f:limits': { 'f:cpu': {} } },
            'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
          },
        },
      },
    },
  },
};

function live(fieldsV1: Record<string, unknown>): KubeObject {
  const entry = { manager: 'us', operation: 'Apply', fieldsV1 };
  const other = { manager: 'them', operation: 'Update', fieldsV1: { 'f:spec': { 'f:minReadySeconds': {} } } };
  return { ...desired, metadata: { ...desired.metadata, managedFields: [other, entry] } };
}

describe('lost fields', () => {
  it('[KR21, KR22] are none while every wanted field is ours, in keyed lists, whole maps and whole items too', () => {
    expect(lostFields(desired, live(ours), 'us')).toEqual([]);
  });

  it('[KR20] are told by their paths', () => {
    const changed = structuredClone(ours);
    Reflect.deleteProperty(changed['f:spec'], 'f:replicas');
    Reflect.deleteProperty(
      changed['f:spec']['f:template']['f:spec']['f:containers']['k:{"name":"main"}'],
      'f:resources',
    );
    Reflect.deleteProperty(changed['f:spec']['f:template']['f:spec'], 'f:volumes');
    expect(lostFields(desired, live(changed), 'us')).toEqual([
      'spec.replicas',
      'spec.template.spec.volumes',
      'spec.template.spec.containers[name=main].resources.limits.cpu',
    ]);
  });

  it('[KR20] are all where we never applied the object', () => {
    expect(lostFields(desired, { ...desired, metadata: { name: 'a' } }, 'us')).toEqual(['*']);
  });

  it('[KR22] finds items of sets by their values', () => {
    const wanted: KubeObject = { apiVersion: 'v1', kind: 'X', metadata: { name: 'a', finalizers: ['one', 'two'] } };
    const entry = {
      manager: 'us',
      operation: 'Apply',
      fieldsV1: { 'f:metadata': { 'f:finalizers': { 'v:"one"': {} } } },
    };
    expect(lostFields(wanted, { ...wanted, metadata: { ...wanted.metadata, managedFields: [entry] } }, 'us')).toEqual([
      'metadata.finalizers["two"]',
    ]);
  });
});

describe('the hash', () => {
  it('[KR22] is the same for every order of fields and for absent and null', () => {
    expect(hashOf({ a: 1, b: [{ c: 2, d: null }] })).toBe(hashOf({ b: [{ c: 2 }], a: 1, e: undefined }));
    expect(hashOf({ a: [1, 2] })).not.toBe(hashOf({ a: [2, 1] }));
  });
});
