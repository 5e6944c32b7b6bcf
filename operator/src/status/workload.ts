import type { Observed } from './observed.ts';
import { isCurrent, liveCondition, numberAt } from './read.ts';
import { troubles } from './trouble.ts';
import { no, waiting } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** A workload of one pod. */
export interface Workload {
  kind: 'StatefulSet' | 'Deployment';
  name: string;
  /** `app.kubernetes.io/name` of its pods. */
  component: string;
}

/** What keeps a workload from having a ready pod of its newest revision, or null. */
export function notRunning(
  { children, pods }: Observed,
  { kind, name, component }: Workload,
  now: string,
): Verdict | null {
  const [trouble] = troubles(pods, component, now);
  if (trouble !== undefined) return no(trouble.reason, trouble.message);
  const live = children.get(`${kind}/${name}`);
  if (live === undefined) return waiting(`${kind} ${name} is not there yet.`);
  // Pods that the API server refuses to make (quota, pod security) are told by the Deployment alone.
  const refused = liveCondition(live, 'ReplicaFailure');
  if (refused?.status === 'True') return no('PodsRefused', `${kind} ${name}: ${refused.message}`);
  const isUpdated = numberAt(live, 'status', 'updatedReplicas') >= numberAt(live, 'spec', 'replicas');
  const ready = isCurrent(live) && numberAt(live, 'status', 'readyReplicas') > 0 && isUpdated;
  return ready ? null : no('Starting', `${kind} ${name} has no ready pod of its newest revision yet.`);
}
