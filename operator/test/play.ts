/** Plays the controllers that need pods: what is wanted is reported as running at once. */
import { Cache } from '../src/kube/cache.ts';
import type { KubeClient } from '../src/kube/client.ts';
import { at, numberAt } from '../src/kube/json.ts';
import { Reflector } from '../src/kube/reflector.ts';
import type { KubeObject, ResourceType } from '../src/kube/types.ts';

const played: { type: ResourceType; status: (object: KubeObject) => Record<string, unknown> }[] = [
  {
    type: { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', namespaced: true },
    status: deploymentStatus,
  },
  {
    type: { apiVersion: 'apps/v1', kind: 'StatefulSet', plural: 'statefulsets', namespaced: true },
    status: statefulSetStatus,
  },
  { type: { apiVersion: 'batch/v1', kind: 'Job', plural: 'jobs', namespaced: true }, status: jobStatus },
  {
    type: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', plural: 'ingresses', namespaced: true },
    status: ingressStatus,
  },
];

/** Begins to play in a namespace until the signal is aborted. */
export function play(client: KubeClient, namespace: string, signal: AbortSignal): void {
  for (const { type, status } of played) {
    const cache = new Cache();
    cache.onChange(({ after }) => {
      if (after === undefined || reported(after)) return;
      const { name } = after.metadata;
      client.patch(type, { namespace, name }, { status: status(after) }, 'status').catch(() => undefined);
    });
    void new Reflector({ client, type, selection: { namespace }, cache }).run(signal);
  }
}

function reported(object: KubeObject): boolean {
  if (object.kind === 'Ingress') return at(object, 'status', 'loadBalancer', 'ingress') !== undefined;
  if (object.kind === 'Job') return at(object, 'status', 'completionTime') !== undefined;
  return numberAt(object, 'status', 'observedGeneration') === object.metadata.generation;
}

function deploymentStatus(object: KubeObject): Record<string, unknown> {
  const replicas = numberAt(object, 'spec', 'replicas') ?? 1;
  const conditions = [{ type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: '' }];
  return {
    observedGeneration: object.metadata.generation,
    replicas,
    readyReplicas: replicas,
    updatedReplicas: replicas,
    availableReplicas: replicas,
    conditions,
  };
}

function statefulSetStatus(object: KubeObject): Record<string, unknown> {
  const replicas = numberAt(object, 'spec', 'replicas') ?? 1;
  return {
    observedGeneration: object.metadata.generation,
    replicas,
    readyReplicas: replicas,
    updatedReplicas: replicas,
    availableReplicas: replicas,
    currentRevision: 'one',
    updateRevision: 'one',
  };
}

function jobStatus(): Record<string, unknown> {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const conditions = ['SuccessCriteriaMet', 'Complete'].map((type) => ({
    type,
    status: 'True',
    reason: 'CompletionsReached',
    message: '',
    lastProbeTime: now,
    lastTransitionTime: now,
  }));
  return { startTime: now, completionTime: now, succeeded: 1, conditions };
}

function ingressStatus(): Record<string, unknown> {
  return { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } };
}
