import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';
import { pino, stdTimeFunctions, type Logger } from 'pino';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Release } from '../api/types.ts';
import { systemClock } from '../kube/clock.ts';
import { EventRecorder } from '../kube/events.ts';
import { LeaderElection } from '../kube/lease.ts';
import { listAt, textAt } from '../kube/json.ts';
import { controllerMetrics, queueMetrics, reflectorMetrics, requestMetrics } from '../kube/metrics.ts';
import { LOW_PRIORITY, WorkQueue } from '../kube/queue.ts';
import { ContestedFields } from '../reconcile/apply.ts';
import { Cluster } from '../reconcile/cluster.ts';
import type { Ports } from '../reconcile/context.ts';
import { queueKey, runController } from '../reconcile/controller.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import { createStores } from '../reconcile/stores/index.ts';
import { childKinds } from '../resources/index.ts';
import { namespaceOf, storeName } from '../resources/names.ts';
import type { Address } from './address.ts';
import { connect, type Connected } from './connect.ts';
import type { Console } from './console.ts';
import { serveHealth, serveMetrics } from './serve.ts';

export interface RunOptions {
  namespaces: string[];
  leaderElect: boolean;
  metricsAddress: Address;
  healthAddress: Address;
  logLevel: string;
}

const CONTROLLER = 'collabeditor';
const WORKERS = 8;
const DISCOVER_MS = 5 * 60_000;
const SYNC_TIMEOUT_MS = 120_000;

/** Runs the operator until the process is asked to end. Returns whether it ended well. */
export async function run(options: RunOptions, release: Release, console: Console): Promise<boolean> {
  const log = createLogger(options.logLevel, console.out);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const connected = connect(release.version, requestMetrics(registry));
  const operator = assemble(options, release, { connected, registry, log });
  const stop = new AbortController();
  const signal = AbortSignal.any([console.signal, stop.signal]);
  let ready = false;
  await using _metrics = await serveMetrics(options.metricsAddress, registry);
  await using _health = await serveHealth(options.healthAddress, { ready: () => ready, alive: () => true });
  log.info({ version: release.version, namespaces: options.namespaces }, 'The operator starts');
  try {
    // Caches are filled before the lease is had, so that a new leader begins at once.
    await startCluster(operator.cluster, signal, log);
    ready = true;
    const ok = await lead(options, { operator, connected, log, identity: identityOf(console) }, signal);
    log.info('The operator ends');
    return ok;
  } finally {
    stop.abort();
    await operator.events.flush();
    await connected.client.close();
  }
}

interface Operator {
  cluster: Cluster;
  events: EventRecorder;
  control: (signal: AbortSignal) => Promise<void>;
}

function assemble(options: RunOptions, release: Release, from: { connected: Connected; registry: Registry; log: Logger }): Operator {
  const { connected, registry, log } = from;
  const { client } = connected;
  const queue: WorkQueue = new WorkQueue({ observer: queueMetrics(registry, CONTROLLER, () => ({ queue, now: systemClock.now() })) });
  const reflected = reflectorMetrics(registry, () => cluster.silence());
  const cluster: Cluster = new Cluster(
    {
      client,
      namespaces: options.namespaces,
      childKinds,
      onEvent: (kind, event) => {
        reflected(kind, event);
        if (event.type === 'failed') log.warn({ kind, err: event.error }, 'A watch failed and is begun again');
      },
      onListenerError: (error) => log.error({ err: error }, 'A listener failed'),
    },
    { resourceChanged: (key) => queue.add(key), childChanged: (key) => queue.add(key) },
  );
  const events = new EventRecorder({ client, controller: 'collabeditor.dev/operator', instance: hostname(), onError: (error) => log.warn({ err: error }, 'An Event could not be written') });
  const ports: Ports = {
    client,
    cluster,
    stores: createStores(),
    events,
    contested: new ContestedFields(),
    release,
    log,
    now: () => new Date(),
    storeHost: (resource, store) => `${storeName(resource, store)}.${namespaceOf(resource)}.svc`,
  };
  conditionMetric(registry, cluster);
  const metrics = controllerMetrics(registry, CONTROLLER, WORKERS);
  const control = async (signal: AbortSignal) => {
    for (const { metadata } of cluster.resources()) queue.add(queueKey(metadata), LOW_PRIORITY);
    const discovery = setInterval(() => void rediscover(cluster, queue, log), DISCOVER_MS).unref();
    await runController({ queue, ports, workers: WORKERS, metrics, reconcile: (key) => reconcile(key, ports) }, signal);
    clearInterval(discovery);
  };
  return { cluster, events, control };
}

/** Kinds that were installed meanwhile change what is wanted. */
async function rediscover(cluster: Cluster, queue: WorkQueue, log: Logger): Promise<void> {
  try {
    if (await cluster.discover()) for (const { metadata } of cluster.resources()) queue.add(queueKey(metadata), LOW_PRIORITY);
  } catch (error) {
    log.warn({ err: error }, 'Discovery failed and is tried again');
  }
}

async function startCluster(cluster: Cluster, signal: AbortSignal, log: Logger): Promise<void> {
  const slow = setTimeout(() => log.error('The caches are not filled yet: is the CustomResourceDefinition installed, and may the operator list every kind?'), SYNC_TIMEOUT_MS / 4);
  try {
    await cluster.start(AbortSignal.any([signal]));
  } finally {
    clearTimeout(slow);
  }
}

async function lead(options: RunOptions, from: { operator: Operator; connected: Connected; log: Logger; identity: string }, signal: AbortSignal): Promise<boolean> {
  const { operator, connected, log, identity } = from;
  if (!options.leaderElect) {
    await operator.control(signal);
    return true;
  }
  const election = new LeaderElection({
    client: connected.client,
    namespace: connected.namespace,
    name: 'collabeditor-operator',
    identity,
    onError: (error) => log.warn({ err: error }, 'The lease could not be read or written'),
  });
  await election.run(signal, async (held) => {
    log.info({ identity }, 'This process leads');
    await operator.control(held);
  });
  if (signal.aborted) return true;
  log.error('The lease is lost; another process leads');
  return false;
}

function identityOf({ env }: Console): string {
  return `${env['POD_NAME'] ?? hostname()}_${randomUUID()}`;
}

/** `collabeditor_condition`: 1 for the status that a condition has, 0 for the others. */
function conditionMetric(registry: Registry, cluster: Cluster): void {
  new Gauge({
    name: 'collabeditor_condition',
    help: 'Conditions of the environments.',
    labelNames: ['namespace', 'name', 'type', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const resource of cluster.resources()) {
        const { namespace = '', name } = resource.metadata;
        for (const condition of listAt(resource, 'status', 'conditions')) {
          const type = textAt(condition, 'type') ?? '';
          for (const status of ['True', 'False', 'Unknown']) {
            this.set({ namespace, name, type, status }, textAt(condition, 'status') === status ? 1 : 0);
          }
        }
      }
    },
  });
}

/** One JSON object a line. */
function createLogger(level: string, write: (text: string) => void): Logger {
  return pino(
    { level, base: { service: 'operator' }, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write },
  );
}
