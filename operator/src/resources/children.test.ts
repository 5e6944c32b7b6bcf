import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { allManaged, everyKind, release, sample, sampleInput } from '../../test/sample.ts';
import { childKinds, desired, manifests } from './index.ts';
import { noFacts } from './types.ts';
import type { Facts, Manifest } from './types.ts';

interface Grant {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

describe('every child', () => {
  const scaled = { services: { realtime: { autoscaling: { maxReplicas: 3 } } } };
  const managed = desired(sampleInput({ ...scaled, ...allManaged }, { installed: everyKind }));
  const monitored = desired(sampleInput(scaled, { installed: everyKind })).monitoring;
  const everything = [
    ...manifests(managed),
    ...monitored.filter(({ apiVersion }) => apiVersion.startsWith('monitoring.coreos.com/')),
  ];
  const secrets = managed.secrets.map(({ manifest }) => manifest);

  it.each(
    [...everything, ...secrets].map((manifest) => ({ title: `${manifest.kind}/${manifest.metadata.name}`, manifest })),
  )('[OR1] $title is named, labelled and owned', ({ manifest: { kind, metadata } }) => {
    expect(metadata.name).toMatch(/^team-[-a-z0-9]+$/);
    expect(metadata.namespace).toBe('space');
    expect(metadata.labels).toMatchObject({
      'app.kubernetes.io/instance': 'team',
      'app.kubernetes.io/part-of': 'collabeditor',
      'app.kubernetes.io/managed-by': 'collabeditor-operator',
      'app.kubernetes.io/name': expect.stringMatching(/^[-a-z]+$/),
      'app.kubernetes.io/component': expect.stringMatching(/^[a-z]+$/),
    });
    for (const value of Object.values(metadata.labels)) expect(value.length).toBeLessThanOrEqual(63);
    const retained = kind === 'Secret' && /-(postgres|redis|rabbitmq)$/.test(metadata.name);
    expect(metadata.ownerReferences ?? []).toEqual(
      retained
        ? []
        : [
            {
              apiVersion: 'collabeditor.dev/v1alpha1',
              kind: 'CollabEditor',
              name: 'team',
              uid: 'b5f0',
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
    );
  });

  it('[OR1] fits names of 40 characters into labels of 63', () => {
    const name = 'a'.repeat(40);
    const facts = { ...noFacts, installed: everyKind };
    const all = manifests(desired({ resource: sample(allManaged, { name }), release, facts }));
    for (const { metadata } of all) expect(metadata.name.length).toBeLessThanOrEqual(63);
  });

  it('[OR19] is of a kind that is watched', () => {
    const known = new Set(childKinds.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`));
    for (const { apiVersion, kind } of [...everything, ...secrets]) expect(known).toContain(`${apiVersion} ${kind}`);
  });

  it('[OR19] is what the ClusterRole allows, and no more', () => {
    const { rules } = parseYaml(readFileSync('config/rbac/cluster_role.yaml', 'utf8')) as { rules: Grant[] };
    const granted = rules
      .filter(
        ({ apiGroups: [group = ''], resources: [first = ''] }) =>
          !['collabeditor.dev', 'events.k8s.io'].includes(group) && first !== 'pods',
      )
      .flatMap(({ apiGroups: [group = ''], resources, verbs }) =>
        resources.map((resource) => `${group}/${resource} ${verbs.join()}`),
      );
    const needed = childKinds.map(({ apiVersion, plural }) => {
      const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
      return `${group}/${plural} get,list,watch,create,patch,delete`;
    });
    expect(granted.toSorted()).toEqual(needed.toSorted());
    expect(JSON.stringify(rules)).not.toContain('*');
  });

  it('[OR2] follows from its input alone', () => {
    const first = JSON.stringify(desired(sampleInput()));
    desired(sampleInput({ exposure: { host: 'a.example' }, redis: { external: { secretName: 'x' } } }));
    expect(JSON.stringify(desired(sampleInput()))).toBe(first);
    const unowned = sample();
    const metadata = { name: unowned.metadata.name };
    const rendered = manifests(desired({ resource: { ...unowned, metadata }, release, facts: noFacts }));
    expect(rendered.flatMap(({ metadata: { ownerReferences = [] } }) => ownerReferences)).toEqual([]);
  });
});

describe('stores', () => {
  it('[OR6] are children where they are managed', () => {
    expect(named(manifests(desired(sampleInput())), /-(postgres|redis|rabbitmq)$/)).toEqual(
      ['postgres', 'redis', 'rabbitmq']
        .flatMap((store) =>
          ['ConfigMap', 'NetworkPolicy', 'Service', 'ServiceAccount', 'StatefulSet'].map(
            (kind) => `${kind}/team-${store}`,
          ),
        )
        .toSorted(),
    );
    const external = { external: { secretName: 'x' } };
    const all = desired(sampleInput({ postgres: external, redis: external, rabbitmq: external }));
    expect(named(manifests(all), /-(postgres|redis|rabbitmq)$/)).toEqual([]);
    expect(
      named(
        all.secrets.map(({ manifest }) => manifest),
        /-(postgres|redis|rabbitmq)$/,
      ),
    ).toEqual([]);
  });

  it('[OR5] keep volumes and passwords as deletionPolicy says', () => {
    for (const deletionPolicy of ['Retain', 'Delete']) {
      const { secrets, stores } = desired(sampleInput({ deletionPolicy }));
      const passwords = secrets.filter(({ keys }) => Object.keys(keys).join() === 'password');
      expect(passwords.map(({ manifest }) => manifest.metadata.name)).toEqual([
        'team-postgres',
        'team-redis',
        'team-rabbitmq',
      ]);
      for (const { retained, manifest } of passwords) {
        expect(retained).toBe(deletionPolicy === 'Retain');
        expect(manifest.metadata.ownerReferences === undefined).toBe(retained);
      }
      for (const set of stores.filter(({ kind }) => kind === 'StatefulSet')) {
        expect(set['spec']).toMatchObject({
          persistentVolumeClaimRetentionPolicy: { whenDeleted: deletionPolicy, whenScaled: 'Retain' },
        });
      }
    }
  });

  it('[OR7] keep the claim that exists', () => {
    const spec = { postgres: { managed: { storage: '50Gi', storageClassName: 'fast' } } };
    expect(claimOf(sampleInput(spec))).toMatchObject({
      resources: { requests: { storage: '50Gi' } },
      storageClassName: 'fast',
    });
    const logs = { observability: { logs: 'Managed', storage: { logs: '50Gi', storageClassName: 'fast' } } };
    expect(claimOf(sampleInput(logs), 'team-loki')).toMatchObject({ storageClassName: 'fast' });
    const facts = { volumes: { loki: { storage: '10Gi' } } };
    expect(claimOf(sampleInput(logs, facts), 'team-loki')).toMatchObject({
      resources: { requests: { storage: '10Gi' } },
    });
    const kept = claimOf(sampleInput(spec, { volumes: { postgres: { storage: '10Gi' } } }));
    expect(kept).toMatchObject({ resources: { requests: { storage: '10Gi' } } });
    expect(kept).not.toHaveProperty('storageClassName');
  });
});

describe('restarts', () => {
  const hashes = (facts: Partial<Facts>, spec: Record<string, unknown> = {}) =>
    Object.fromEntries(
      manifests(desired(sampleInput(spec, facts)))
        .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
        .map(({ metadata: { name }, spec }) => [name, JSON.stringify(spec)]),
    );
  const changed = (facts: Partial<Facts>, spec: Record<string, unknown> = {}, changedSpec = spec) => {
    const before = hashes({}, spec);
    return Object.entries(hashes(facts, changedSpec))
      .filter(([name, spec]) => before[name] !== spec)
      .map(([name]) => name);
  };

  it('[OR8] happen to exactly those pods that read a changed key', () => {
    expect(changed({ secretHashes: { 'team-signing-keys': { 'keys.json': 'x' } } })).toEqual(['team-user-service']);
    expect(changed({ secretHashes: { 'team-document-service': { 'redis-url': 'x' } } })).toEqual([
      'team-document-service',
    ]);
    expect(changed({ secretHashes: { 'team-document-service': { 'service-token': 'x' } } })).toEqual([
      'team-user-service',
      'team-document-service',
      'team-realtime-service',
    ]);
    expect(changed({ secretHashes: { 'team-redis': { password: 'x' } } })).toEqual(['team-redis']);
    expect(changed({ secretHashes: { 'team-migrations': { 'user-url': 'x' } } })).toEqual([]);
    expect(changed({ secretHashes: { foreign: { anything: 'x' } } })).toEqual([]);
    expect(changed({ address: '192.0.2.1' })).toEqual(['team-notification-service']);
    expect(changed({ secretHashes: { 'team-grafana': { 'admin-password': 'x' } } }, allManaged)).toEqual([
      'team-grafana',
    ]);
  });

  it('[OR31] happen to those whose settings change', () => {
    const { observability } = allManaged;
    const changedBy = (more: Record<string, unknown>) =>
      changed({}, allManaged, { observability: { ...observability, ...more } });
    expect(changedBy({ retention: { logs: '24h' } })).toEqual(['team-loki']);
    expect(changedBy({ retention: { metrics: '24h' } })).toEqual(['team-prometheus']);
    expect(changedBy({ metrics: { type: 'Managed', alertmanagerURL: 'http://a' } })).toEqual([]);
    expect(changedBy({ logs: 'None' })).toEqual(['team-grafana']);
    expect(changed({ installed: everyKind }, allManaged)).toEqual([]);
    const host = { exposure: { host: 'a.example' } };
    expect(changed({}, allManaged, { ...allManaged, ...host })).toEqual(['team-grafana', 'team-notification-service']);
  });
});

function named(all: readonly Manifest[], pattern: RegExp): string[] {
  return all
    .filter(({ metadata }) => pattern.test(metadata.name))
    .map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    .toSorted();
}

function claimOf(input: ReturnType<typeof sampleInput>, name = 'team-postgres'): unknown {
  const set = manifests(desired(input)).find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === name);
  const spec = set?.['spec'] as { volumeClaimTemplates: { spec: unknown }[] } | undefined;
  return spec?.volumeClaimTemplates[0]?.spec;
}
