import { parseKey } from '../kube/cache.ts';
import { systemClock, type Clock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import type { ControllerMetrics } from '../kube/metrics.ts';
import { LOW_PRIORITY, type WorkQueue } from '../kube/queue.ts';
import type { ObjectKey } from '../kube/types.ts';
import type { Ports } from './context.ts';
import type { Outcome } from './reconcile.ts';

export interface ControllerOptions {
  queue: WorkQueue;
  log: Ports['log'];
  reconcile: (key: ObjectKey) => Promise<Outcome>;
  workers: number;
  metrics?: ControllerMetrics;
  clock?: Clock;
}

/** Works on the queue's keys until `signal` is aborted, then finishes what is under way. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { queue, workers } = options;
  let active = 0;
  const report = (change: number) => options.metrics?.workers((active += change));
  signal.addEventListener('abort', () => queue.close(), { once: true });
  if (signal.aborted) queue.close();
  const work = async () => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      report(1);
      await reconcileOne(key, options);
      queue.done(key);
      report(-1);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
}

/** Errors of one key delay that key alone, each time longer. */
async function reconcileOne(key: string, options: ControllerOptions): Promise<void> {
  const { queue, metrics, log } = options;
  const clock = options.clock ?? systemClock;
  const startedAt = clock.now();
  const seconds = () => (clock.now() - startedAt) / 1000;
  try {
    const { againMs } = await options.reconcile(parseKey(key));
    queue.forget(key);
    if (againMs !== undefined) queue.addAfter(key, againMs, LOW_PRIORITY);
    metrics?.reconciled(againMs === undefined ? 'success' : 'requeue_after', seconds());
  } catch (error) {
    const asked = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const waitMs = queue.addRateLimited(key, asked);
    metrics?.reconciled('error', seconds());
    if (!(error instanceof KubeError)) metrics?.panicked();
    log.error(
      { event: 'reconcile_failed', key, err: error, retryInMs: Math.round(waitMs) },
      'A reconcile failed and is tried again',
    );
  }
}
