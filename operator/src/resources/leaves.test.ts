import { describe, expect, it } from '@jest/globals';
import { openApiSchema } from '../api/crd.ts';
import type { StructuralSchema } from '../api/crd.ts';
import { allManaged, everyKind, sampleInput } from '../../test/sample.ts';
import { desired, manifests } from './index.ts';

interface Example {
  value: unknown;
  beside?: Record<string, unknown>;
}

/** A value for each leaf that differs from its default; what must stand beside it, where it means nothing alone. */
const examples: Readonly<Record<string, Example>> = {
  version: { value: '0.2.0' },
  deletionPolicy: { value: 'Delete' },
  'images.registry': { value: 'mirror.example' },
  'images.pullPolicy': { value: 'Always' },
  'images.pullSecrets': { value: [{ name: 'pull' }] },
  ...Object.fromEntries<Example>(
    ['user', 'document', 'realtime', 'notification', 'postgres', 'redis', 'rabbitmq'].map((name) => [
      `images.${name}`,
      { value: 'own:1' },
    ]),
  ),
  'exposure.host': { value: 'a.example' },
  'exposure.type': { value: 'None' },
  'exposure.allowedOrigins': { value: ['https://b.example'] },
  'exposure.ingress.className': { value: 'edge' },
  'exposure.ingress.annotations': { value: { a: 'b' } },
  'exposure.ingress.tlsSecretName': { value: 'cert' },
  'exposure.ingress.controllerNamespaceSelector.matchLabels': { value: { a: 'b' } },
  'exposure.ingress.controllerNamespaceSelector.matchExpressions': { value: [{ key: 'a', operator: 'Exists' }] },
  'exposure.gateway.parentRefs': {
    value: [{ name: 'other' }],
    beside: { exposure: { type: 'Gateway', gateway: { parentRefs: [{ name: 'edge' }] } } },
  },
  ...Object.fromEntries<Example>(
    ['user', 'document', 'realtime', 'notification'].flatMap((service): [string, Example][] => [
      [`services.${service}.replicas`, { value: 2 }],
      [`services.${service}.resources.requests`, { value: { cpu: '70m' } }],
      [`services.${service}.resources.limits`, { value: { memory: '2Gi' } }],
      [`services.${service}.nodeSelector`, { value: { disk: 'fast' } }],
      [`services.${service}.tolerations`, { value: [{ operator: 'Exists' }] }],
      [`services.${service}.affinity`, { value: { podAffinity: {} } }],
      [`services.${service}.topologySpreadConstraints`, { value: [] }],
      [`services.${service}.env`, { value: [{ name: 'LOG_LEVEL', value: 'debug' }] }],
      ...(['minReplicas', 'maxReplicas', 'targetCPUUtilizationPercentage'] as const).map((field): [string, Example] => [
        `services.${service}.autoscaling.${field}`,
        { value: 3, beside: { services: { [service]: { autoscaling: { maxReplicas: 5 } } } } },
      ]),
    ]),
  ),
  'services.realtime.maxConnections': { value: 5 },
  'services.realtime.drainSeconds': { value: 90 },
  'services.notification.smtp.secretName': {
    value: 'other',
    beside: { services: { notification: { smtp: { secretName: 'mail', from: 'a@b.c' } } } },
  },
  'services.notification.smtp.from': {
    value: 'x@y.z',
    beside: { services: { notification: { smtp: { secretName: 'mail', from: 'a@b.c' } } } },
  },
  ...Object.fromEntries<Example>(
    ['postgres', 'redis', 'rabbitmq'].flatMap((store): [string, Example][] => [
      [`${store}.managed.storage`, { value: '77Gi' }],
      [`${store}.managed.storageClassName`, { value: 'fast' }],
      [`${store}.managed.resources.requests`, { value: { cpu: '70m' } }],
      [`${store}.managed.resources.limits`, { value: { memory: '3Gi' } }],
      [`${store}.external.secretName`, { value: 'other', beside: { [store]: { external: { secretName: 'one' } } } }],
    ]),
  ),
  'auth.accessTokenTTL': { value: '3m' },
  'auth.refreshTokenTTL': { value: '24h' },
  'observability.metrics.type': { value: 'None' },
  'observability.metrics.alertmanagerURL': { value: 'http://alerts:9093', beside: allManaged },
  'observability.logs': { value: 'Managed' },
  'observability.dashboards': { value: 'Managed' },
  ...Object.fromEntries<Example>(
    ['prometheus', 'loki', 'grafana'].map((name) => [`images.${name}`, { value: 'own:1', beside: allManaged }]),
  ),
  'observability.storage.metrics': { value: '77Gi', beside: allManaged },
  'observability.storage.logs': { value: '77Gi', beside: allManaged },
  'observability.storage.storageClassName': { value: 'fast', beside: allManaged },
  'observability.retention.metrics': { value: '48h', beside: allManaged },
  'observability.retention.logs': { value: '48h', beside: allManaged },
};

/** Leaves that no child follows from, and who reads them. */
const elsewhere: Readonly<Record<string, string>> = {
  paused: 'the reconciler',
  'auth.signingKeyRotation': 'NotSupportedYet',
  'postgres.cloudNativePG': 'NotSupportedYet',
  'rabbitmq.clusterOperator': 'NotSupportedYet',
  'backup.schedule': 'NotSupportedYet',
  'backup.retention': 'NotSupportedYet',
  'backup.destination': 'NotSupportedYet',
  'restore.from': 'NotSupportedYet',
  'restore.at': 'NotSupportedYet',
};

describe('the leaves of the spec', () => {
  const leaves = leavesOf('', openApiSchema().properties?.['spec']);

  it('[OR4] are all accounted for', () => {
    expect([...Object.keys(examples), ...Object.keys(elsewhere)].toSorted()).toEqual(leaves.toSorted());
  });

  it.each(Object.entries(examples))(
    '[OR4] %s changes a child, and its removal changes it back',
    (path, { value, beside = {} }) => {
      const before = childrenOf(beside);
      const changed = childrenOf(withLeaf(beside, path.split('.'), value));
      expect(changed).not.toBe(before);
      expect(childrenOf(beside)).toBe(before);
    },
  );
});

/** Lists are leaves; so are maps and fields whose shape is Kubernetes's. */
function leavesOf(prefix: string, schema: StructuralSchema | undefined): string[] {
  return Object.entries(schema?.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    return field.properties === undefined ? [path] : leavesOf(`${path}.`, field);
  });
}

function childrenOf(spec: Record<string, unknown>): string {
  const children = desired(sampleInput(spec, { installed: everyKind }));
  return JSON.stringify([manifests(children), children.secrets]);
}

function withLeaf(
  spec: Record<string, unknown>,
  [first = '', ...rest]: string[],
  value: unknown,
): Record<string, unknown> {
  const inner = spec[first];
  const below = typeof inner === 'object' && inner !== null ? { ...inner } : {};
  return { ...spec, [first]: rest.length === 0 ? value : withLeaf(below, rest, value) };
}
