import type { KubeObject } from '../kube/types.ts';
import type { Observed } from './observed.ts';
import { listAt, liveCondition, textAt } from './read.ts';
import { troubles } from './trouble.ts';
import { no, waiting, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** Migrated: the Job of this release has completed. */
export function migrated(observed: Observed, now: string): Verdict {
  const name = observed.desired.migration[0]?.metadata.name ?? '';
  const job = observed.children.get(`Job/${name}`);
  if (job === undefined) return waiting(`Job ${name} is not there yet; it comes after the stores.`);
  if (liveCondition(job, 'Complete')?.status === 'True') return yes('Complete', `Job ${name} has completed.`);
  const pods = observed.pods.filter(({ metadata }) => metadata.labels?.['batch.kubernetes.io/job-name'] === name);
  const failure = pods.map(failedStep).find((found) => found !== null);
  if (failure !== undefined) {
    return no('MigrationFailing', `Job ${name}, step ${failure.step}: ${failure.message}`);
  }
  const [trouble] = troubles(pods, 'migrations', now);
  if (trouble !== undefined) return no(trouble.reason, trouble.message);
  return no('Migrating', `Job ${name} is running.`);
}

/** The step that failed last and is tried again. */
function failedStep(pod: KubeObject): { step: string; message: string } | null {
  for (const list of ['initContainerStatuses', 'containerStatuses']) {
    for (const container of listAt(pod, 'status', list)) {
      const failed =
        textAt(container, 'lastState', 'terminated', 'reason') ?? textAt(container, 'state', 'terminated', 'reason');
      const done = textAt(container, 'state', 'terminated', 'reason') === 'Completed';
      if (failed !== undefined && failed !== 'Completed' && !done) {
        return {
          step: textAt(container, 'name') ?? '',
          message: `it failed and is tried again; see the log of Pod ${pod.metadata.name}.`,
        };
      }
    }
  }
  return null;
}
