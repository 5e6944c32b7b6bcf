import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { RequestObserver } from './transport.ts';
import type { QueueObserver, WorkQueue } from './queue.ts';
import type { ReflectorEvent } from './reflector.ts';

const QUEUE_BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000];
const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** How one reconcile ended, in controller-runtime's words. */
type ReconcileResult = 'success' | 'error' | 'requeue' | 'requeue_after';

/** Metrics of a controller. */
export interface ControllerMetrics {
  reconciled(result: ReconcileResult, seconds: number): void;
  panicked(): void;
  terminalError(): void;
  workers(active: number): void;
}

/** A registry of one's own: nothing is registered globally. */
export function newRegistry(): Registry {
  return new Registry();
}

/** `rest_client_requests_total`, as client-go names it. */
export function requestMetrics(registry: Registry): RequestObserver {
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the API server by status code, method and host.',
    labelNames: ['code', 'method', 'host'],
    registers: [registry],
  });
  return ({ status, method, host }) => requests.inc({ code: status === 0 ? '<error>' : String(status), method, host });
}

/** The `workqueue_*` metrics. `queue` is asked at each scrape. */
export function queueMetrics(
  registry: Registry,
  name: string,
  queue: () => { queue: WorkQueue; now: number } | undefined,
): QueueObserver {
  const registers = [registry];
  const labelNames = ['name', 'controller'];
  const labels = { name, controller: name };
  const gauge = (metric: string, help: string, value?: () => number) =>
    new Gauge({
      name: metric,
      help,
      labelNames,
      registers,
      ...(value !== undefined && {
        collect() {
          this.set(labels, value());
        },
      }),
    });
  const counter = (metric: string, help: string) => new Counter({ name: metric, help, labelNames, registers });
  const histogram = (metric: string, help: string) =>
    new Histogram({ name: metric, help, labelNames, buckets: QUEUE_BUCKETS, registers });
  const working = (): number[] => {
    const state = queue();
    return state === undefined ? [] : state.queue.processing().map((since) => (state.now - since) / 1000);
  };
  const depth = gauge('workqueue_depth', 'Keys that wait.');
  const adds = counter('workqueue_adds_total', 'Keys added.');
  const retries = counter('workqueue_retries_total', 'Keys added again after a failure.');
  const waited = histogram('workqueue_queue_duration_seconds', 'How long keys waited.');
  const worked = histogram('workqueue_work_duration_seconds', 'How long work on a key took.');
  gauge('workqueue_unfinished_work_seconds', 'Seconds of work under way.', () =>
    working().reduce((sum, seconds) => sum + seconds, 0),
  );
  gauge('workqueue_longest_running_processor_seconds', 'Seconds of the longest work under way.', () =>
    Math.max(0, ...working()),
  );
  return {
    added: () => adds.inc(labels),
    depth: (value) => depth.set(labels, value),
    retried: () => retries.inc(labels),
    waited: (seconds) => waited.observe(labels, seconds),
    worked: (seconds) => worked.observe(labels, seconds),
  };
}

/** The `controller_runtime_*` metrics. */
export function controllerMetrics(registry: Registry, controller: string, maxConcurrent: number): ControllerMetrics {
  const registers = [registry];
  const labels = { controller };
  const counter = (name: string, help: string, more: string[] = []) =>
    new Counter({ name, help, labelNames: ['controller', ...more], registers });
  const total = counter('controller_runtime_reconcile_total', 'Reconciles by result.', ['result']);
  const errors = counter('controller_runtime_reconcile_errors_total', 'Reconciles that failed.');
  const terminal = counter('controller_runtime_terminal_reconcile_errors_total', 'Reconciles that failed for good.');
  const panics = counter(
    'controller_runtime_reconcile_panics_total',
    'Reconciles that ended by an unexpected exception.',
  );
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'How long a reconcile took.',
    labelNames: ['controller'],
    buckets: RECONCILE_BUCKETS,
    registers,
  });
  const max = new Gauge({
    name: 'controller_runtime_max_concurrent_reconciles',
    help: 'Workers.',
    labelNames: ['controller'],
    registers,
  });
  const active = new Gauge({
    name: 'controller_runtime_active_workers',
    help: 'Workers at work.',
    labelNames: ['controller'],
    registers,
  });
  max.set(labels, maxConcurrent);
  active.set(labels, 0);
  for (const metric of [errors, terminal, panics]) metric.inc(labels, 0);
  for (const result of ['success', 'error', 'requeue', 'requeue_after']) total.inc({ ...labels, result }, 0);
  return {
    reconciled: (result, seconds) => {
      total.inc({ ...labels, result });
      if (result === 'error') errors.inc(labels);
      time.observe(labels, seconds);
    },
    panicked: () => panics.inc(labels),
    terminalError: () => terminal.inc(labels),
    workers: (value) => active.set(labels, value),
  };
}

/** Health of the watches: restarts and new lists by kind, and how long each has been silent. */
export function reflectorMetrics(
  registry: Registry,
  silence: () => Map<string, number>,
): (kind: string, event: ReflectorEvent) => void {
  const registers = [registry];
  const restarts = new Counter({
    name: 'watch_restarts_total',
    help: 'Watches begun again.',
    labelNames: ['kind'],
    registers,
  });
  const relists = new Counter({
    name: 'relists_total',
    help: 'Lists made because the history was gone.',
    labelNames: ['kind'],
    registers,
  });
  const failures = new Counter({
    name: 'watch_failures_total',
    help: 'Lists and watches ended by an error.',
    labelNames: ['kind'],
    registers,
  });
  new Gauge({
    name: 'watch_silence_seconds',
    help: 'Seconds since a watch last said something, bookmarks included.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, seconds] of silence()) this.set({ kind }, seconds);
    },
  });
  return (kind, event) => {
    if (event.type === 'restart') restarts.inc({ kind });
    if (event.type === 'relist') relists.inc({ kind });
    if (event.type === 'failed') failures.inc({ kind });
  };
}
