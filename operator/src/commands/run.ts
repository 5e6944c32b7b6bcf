import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import type { Release } from '../api/types.ts';
import { listAt, textAt } from '../kube/json.ts';
import { LeaderElection } from '../kube/lease.ts';
import { newRegistry, requestMetrics } from '../kube/metrics.ts';
import type { Cluster } from '../reconcile/cluster.ts';
import { createOperator, type Operator } from '../reconcile/operator.ts';
import { createStores } from '../reconcile/stores/index.ts';
import { namespaceOf, storeName } from '../resources/names.ts';
import type { Address } from './address.ts';
import { connect, type Connected } from './connect.ts';
import type { Console } from './console.ts';
import { createLogger } from './log.ts';
import { serveHealth, serveMetrics } from './serve.ts';

export interface RunOptions {
  namespaces: string[];
  leaderElect: boolean;
  metricsAddress: Address;
  healthAddress: Address;
  logLevel: string;
}

const SLOW_START_MS = 30_000;

/** Runs the operator until the process is asked to end. Returns whether it ended well. */
export async function run(options: RunOptions, release: Release, console: Console): Promise<boolean> {
  const log = createLogger(options.logLevel, console.out);
  const registry = newRegistry();
  collectDefaultMetrics({ register: registry });
  const connected = connect(release.version, requestMetrics(registry));
  const operator = createOperator({
    client: connected.client,
    namespaces: options.namespaces,
    release,
    stores: createStores(),
    storeHost: (resource, store) => `${storeName(resource, store)}.${namespaceOf(resource)}.svc`,
    log,
    registry,
  });
  conditionMetric(registry, operator.cluster);
  const stop = new AbortController();
  const signal = AbortSignal.any([console.signal, stop.signal]);
  let ready = false;
  await using servers = new AsyncDisposableStack();
  servers.use(await serveMetrics(options.metricsAddress, registry));
  servers.use(await serveHealth(options.healthAddress, { ready: () => ready, alive: () => true }));
  log.info({ version: release.version, namespaces: options.namespaces }, 'The operator starts');
  try {
    // Caches are filled before the lease is had, so that a new leader begins at once.
    await fillCaches(operator, signal, log);
    ready = true;
    const ok = await lead(options, { operator, connected, log, identity: identityOf(console) }, signal);
    log.info('The operator ends');
    return ok;
  } finally {
    stop.abort();
    await operator.flush();
    await connected.client.close();
  }
}

async function fillCaches(operator: Operator, signal: AbortSignal, log: Logger): Promise<void> {
  const hint =
    'The caches are not filled yet: is the CustomResourceDefinition installed, and may the operator list every kind?';
  const slow = setInterval(() => log.error(hint), SLOW_START_MS);
  try {
    await operator.start(signal);
  } finally {
    clearInterval(slow);
  }
}

async function lead(
  options: RunOptions,
  from: { operator: Operator; connected: Connected; log: Logger; identity: string },
  signal: AbortSignal,
): Promise<boolean> {
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
