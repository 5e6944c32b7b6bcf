import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NAMESPACE, startCluster } from '../../test/cluster.ts';
import type { TestCluster } from '../../test/cluster.ts';
import { allManaged, sampleInput } from '../../test/sample.ts';
import type { ResourceType } from '../kube/types.ts';
import { desired, manifests } from './index.ts';

const pods: ResourceType = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const accounts: ResourceType = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};
const namespace = 'restricted';
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
  const labels = {
    'pod-security.kubernetes.io/enforce': 'restricted',
    'pod-security.kubernetes.io/enforce-version': 'latest',
  };
  await cluster.client.create(NAMESPACE, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels },
  });
}, 120_000);

afterAll(async () => cluster[Symbol.asyncDispose]());

interface Workload {
  template?: {
    metadata: { labels: Record<string, string> };
    spec: { serviceAccountName: string; automountServiceAccountToken: boolean };
  };
}

describe('pods', () => {
  const certificate = { external: { postgres: { admin: true, ca: true } } };
  const workloads = [
    ...manifests(desired(sampleInput(allManaged))),
    ...manifests(desired(sampleInput({ postgres: { external: { secretName: 'pg' } } }, certificate))).filter(
      ({ kind }) => kind === 'Job',
    ),
  ].flatMap(({ kind, metadata, spec }) => {
    const { template } = (spec ?? {}) as Workload;
    return template === undefined ? [] : [{ title: `${kind}/${metadata.name}`, template }];
  });

  it.each(workloads)('[OR3] of $title are let in where `restricted` is enforced', async ({ template }) => {
    const isPrometheus = template.metadata.labels['app.kubernetes.io/name'] === 'prometheus';
    expect(template.spec.automountServiceAccountToken).toBe(isPrometheus);
    const account = { name: template.spec.serviceAccountName, namespace };
    if ((await cluster.client.find(accounts, account)) === undefined) {
      await cluster.client.create(accounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account });
    }
    const name = `pod-${Math.random().toString(36).slice(2)}`;
    const pod = await cluster.client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: podSpecOf(template.spec),
    });
    expect(pod.metadata.uid).toBeDefined();
  });

  it('[OR3] without it would not be', async () => {
    const spec = { containers: [{ name: 'x', image: 'x' }] };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'open', namespace }, spec };
    await cluster.client
      .create(accounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } })
      .catch(() => undefined);
    await expect(cluster.client.create(pods, pod)).rejects.toThrow(/restricted/);
  });
});

/** A StatefulSet's claim becomes a volume of each pod. */
function podSpecOf(spec: object): object {
  const { volumes = [], containers } = spec as {
    volumes?: { name: string }[];
    containers: { volumeMounts?: { name: string }[] }[];
  };
  const claimed = containers.some(({ volumeMounts = [] }) => volumeMounts.some(({ name }) => name === 'data'));
  return claimed && volumes.every(({ name }) => name !== 'data')
    ? { ...spec, volumes: [...volumes, { name: 'data', emptyDir: {} }] }
    : spec;
}
