import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Release } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { keyOf } from '../kube/cache.ts';
import { systemClock } from '../kube/clock.ts';
import { EventRecorder } from '../kube/events.ts';
import { controllerMetrics, queueMetrics, reflectorMetrics } from '../kube/metrics.ts';
import { LOW_PRIORITY, WorkQueue } from '../kube/queue.ts';
import { childKinds } from '../resources/index.ts';
import { ContestedFields } from './apply.ts';
import { Cluster } from './cluster.ts';
import type { Ports } from './context.ts';
import { runController } from './controller.ts';
import { reconcile } from './reconcile.ts';
import { inBackground } from './stores/background.ts';
import type { Stores } from './stores/ports.ts';

export interface OperatorOptions {
  client: KubeClient;
  /** Namespaces to watch; empty: all. */
  namespaces: string[];
  release: Release;
  stores: Stores;
  storeHost: Ports['storeHost'];
  log: Logger;
  registry: Registry;
}

/** The operator without a process around it. */
export interface Operator {
  cluster: Cluster;
  /** Fills the caches. */
  start: (signal: AbortSignal) => Promise<void>;
  /** Works until the signal is aborted. */
  control: (signal: AbortSignal) => Promise<void>;
  /** Waits for Events that are on their way. */
  flush: () => Promise<void>;
}

const CONTROLLER = 'collabeditor';
const WORKERS = 8;
const DISCOVER_MS = 5 * 60_000;

/** Puts caches, queue and reconcile together. */
export function createOperator(options: OperatorOptions): Operator {
  const { client, registry, log } = options;
  const queue: WorkQueue = new WorkQueue({
    observer: queueMetrics(registry, CONTROLLER, () => ({ queue, now: systemClock.now() })),
  });
  const cluster = watchCluster(options, queue);
  const events = new EventRecorder({
    client,
    controller: 'collabeditor.dev/operator',
    instance: hostname(),
    onError: (error) => log.warn({ event: 'event_not_written', err: error }, 'An Event could not be written'),
  });
  const stores = inBackground(options.stores, { wake: (owner) => queue.add(owner) });
  const ports: Ports = { ...options, stores, cluster, events, contested: new ContestedFields(), now: () => new Date() };
  const metrics = controllerMetrics(registry, CONTROLLER, WORKERS);
  const control = async (signal: AbortSignal) => {
    enqueueAll(cluster, queue);
    const discovery = setInterval(() => void rediscover(cluster, queue, log), DISCOVER_MS).unref();
    await runController({ queue, log, workers: WORKERS, metrics, reconcile: (key) => reconcile(key, ports) }, signal);
    clearInterval(discovery);
  };
  return { cluster, start: (signal) => cluster.start(signal), control, flush: () => events.flush() };
}

function watchCluster({ client, namespaces, registry, log }: OperatorOptions, queue: WorkQueue): Cluster {
  const reflected = reflectorMetrics(registry, () => cluster.silence());
  const cluster: Cluster = new Cluster(
    {
      client,
      namespaces,
      childKinds,
      onEvent: (kind, event) => {
        reflected(kind, event);
        if (event.type === 'failed')
          log.warn({ event: 'watch_failed', kind, reason: event.error.message }, 'A watch failed and is begun again');
      },
      onListenerError: (error) => log.error({ event: 'listener_failed', err: error }, 'A listener failed'),
    },
    { resourceChanged: (key) => queue.add(key), childChanged: (key) => queue.add(key) },
  );
  return cluster;
}

/** Kinds that were installed meanwhile change what is wanted. */
async function rediscover(cluster: Cluster, queue: WorkQueue, log: Logger): Promise<void> {
  try {
    if (await cluster.discover()) enqueueAll(cluster, queue);
  } catch (error) {
    log.warn({ event: 'discovery_failed', err: error }, 'Discovery failed and is tried again');
  }
}

function enqueueAll(cluster: Cluster, queue: WorkQueue): void {
  for (const { metadata } of cluster.resources()) queue.add(keyOf(metadata), LOW_PRIORITY);
}
