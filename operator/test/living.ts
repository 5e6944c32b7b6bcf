/** What a cluster holds for an environment at rest, as plain data that a test bends to its case. */
import type { Condition, ConditionType } from '../src/api/types.ts';
import { conditions } from '../src/status/index.ts';
import type { Check, Observed } from '../src/status/observed.ts';
import type { KubeObject } from '../src/kube/types.ts';
import { desired, manifests } from '../src/resources/index.ts';
import { noFacts } from '../src/resources/types.ts';
import type { Facts } from '../src/resources/types.ts';
import { release, sample } from './sample.ts';

const ok: Check = { state: 'ok' };

/** An environment that is up; `change` is applied last. */
export function living(spec: Record<string, unknown> = {}, facts: Partial<Facts> = {}): Observed {
  const resource = sample(spec);
  const allFacts: Facts = { ...noFacts, address: '192.0.2.7', ...facts };
  const wanted = desired({ resource, release, facts: allFacts });
  const children = new Map<string, KubeObject>();
  for (const manifest of [...wanted.secrets.map((secret) => secret.manifest), ...manifests(wanted)]) {
    const live: KubeObject = {
      ...structuredClone(manifest),
      metadata: { ...manifest.metadata, generation: 1, uid: manifest.metadata.name },
    };
    children.set(`${manifest.kind}/${manifest.metadata.name}`, { ...live, ...atRest(live) });
  }
  for (const { manifest, keys } of wanted.secrets) {
    const secret = children.get(`Secret/${manifest.metadata.name}`);
    if (secret !== undefined) secret['data'] = Object.fromEntries(Object.keys(keys).map((key) => [key, 'eA==']));
  }
  return {
    resource,
    release,
    facts: allFacts,
    desired: wanted,
    children,
    pods: podsOf(children),
    checks: { postgres: ok, redis: ok, rabbitmq: ok, topology: ok },
    problems: [],
    certificate: null,
    collectors: undefined,
    drift: [],
  };
}

/** The same with one child changed, or taken away. */
export function withChild(observed: Observed, key: string, change: Record<string, unknown> | null): Observed {
  const children = new Map(observed.children);
  const live = children.get(key);
  if (live === undefined) throw new Error(`there is no ${key}`);
  if (change === null) children.delete(key);
  else children.set(key, { ...live, ...change });
  return { ...observed, children };
}

/** The same with a pod of a component in a state of its containers. */
export function withPod(
  observed: Observed,
  component: string,
  status: Record<string, unknown>,
  labels: Record<string, string> = {},
): Observed {
  return { ...observed, pods: [...observed.pods, pod(component, `team-${component}-x`, { ...labels }, status)] };
}

function atRest({ kind, spec }: KubeObject): Record<string, unknown> {
  const replicas = typeof spec === 'object' && spec !== null && 'replicas' in spec ? spec.replicas : 1;
  if (kind === 'Deployment') {
    return {
      status: {
        observedGeneration: 1,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
      },
    };
  }
  if (kind === 'StatefulSet')
    return { status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1 } };
  if (kind === 'Job') return { status: { conditions: [{ type: 'Complete', status: 'True' }] } };
  return {};
}

function podsOf(children: ReadonlyMap<string, KubeObject>): KubeObject[] {
  return [...children.values()]
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    .map(({ metadata: { name, labels = {} } }) =>
      pod(labels['app.kubernetes.io/name'] ?? '', `${name}-0`, labels, { phase: 'Running' }),
    );
}

function pod(
  component: string,
  name: string,
  labels: Record<string, string>,
  status: Record<string, unknown>,
): KubeObject {
  const metadata = { name, namespace: 'space', labels: { ...labels, 'app.kubernetes.io/name': component } };
  return { apiVersion: 'v1', kind: 'Pod', metadata, status };
}

/** The time of every test. */
export const now = '2026-01-01T00:10:00Z';

/** Status, reason and message of a condition. */
export function judge(observed: Observed, type: ConditionType): [Condition['status'], string, string] {
  const found = conditions(observed, [], now).find((condition) => condition.type === type);
  if (found === undefined) throw new Error(`no ${type}`);
  return [found.status, found.reason, found.message];
}

/** Status of a pod whose container waits. */
export function waitingContainer(reason: string, message = '') {
  return { containerStatuses: [{ name: 'main', state: { waiting: { reason, message } } }] };
}
