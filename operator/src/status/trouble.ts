/** Why a component's pods don't run. */
import type { KubeObject } from '../kube/types.ts';
import type { Problem } from './observed.ts';
import { at, listAt, liveCondition, textAt } from './read.ts';

/** Reasons of a waiting container that do not pass by themselves. */
const stuck = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'CrashLoopBackOff',
]);

/** A pod that can't be placed may only be waiting for its volume: it is trouble after this. */
const unschedulableSeconds = 30;

/** What is wrong with the pods whose `app.kubernetes.io/name` is `component`, worst first. */
export function troubles(pods: readonly KubeObject[], component: string, now: string): Problem[] {
  return pods
    .filter((pod) => pod.metadata.labels?.['app.kubernetes.io/name'] === component)
    .filter((pod) => pod.metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap((pod) => troubleOf(pod, now));
}

function troubleOf(pod: KubeObject, now: string): Problem[] {
  const containers = ['initContainerStatuses', 'containerStatuses'].flatMap((list) => listAt(pod, 'status', list));
  for (const container of containers) {
    const problem = dataVersion(pod, container) ?? stuckContainer(pod, container);
    if (problem !== null) return [problem];
  }
  return unschedulable(pod, now);
}

function dataVersion(pod: KubeObject, container: unknown): Problem | null {
  const message = textAt(container, 'state', 'terminated', 'message') ?? '';
  if (!message.startsWith('DataVersion: ')) return null;
  const said = firstLine(message.slice('DataVersion: '.length));
  return { reason: 'DataVersion', message: `Pod ${pod.metadata.name}: ${said}; set spec.images to that version.` };
}

function stuckContainer(pod: KubeObject, container: unknown): Problem | null {
  const reason = textAt(container, 'state', 'waiting', 'reason') ?? '';
  if (!stuck.has(reason)) return null;
  const name = `Pod ${pod.metadata.name}, container ${textAt(container, 'name') ?? ''}`;
  if (reason === 'CrashLoopBackOff') {
    const code = at(container, 'lastState', 'terminated', 'exitCode');
    return { reason, message: `${name} ends again and again, last with code ${String(code)}; see its log.` };
  }
  const detail = firstLine(textAt(container, 'state', 'waiting', 'message') ?? '');
  return { reason, message: detail === '' ? `${name}: ${reason}.` : `${name}: ${detail}` };
}

function unschedulable(pod: KubeObject, now: string): Problem[] {
  const scheduled = liveCondition(pod, 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return [];
  if (Date.parse(now) - Date.parse(scheduled.since) < unschedulableSeconds * 1000) return [];
  return [{ reason: 'Unschedulable', message: `Pod ${pod.metadata.name}: ${firstLine(scheduled.message)}` }];
}

function firstLine(text: string): string {
  const line = text.trim().split('\n')[0] ?? '';
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}
