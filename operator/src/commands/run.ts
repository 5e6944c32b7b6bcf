import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import type { Release } from '../api/types.ts';
import { LeaderElection } from '../kube/lease.ts';
import { newRegistry, requestMetrics } from '../kube/metrics.ts';
import { createOperator, type Operator } from '../reconcile/operator.ts';
import { createStores } from '../reconcile/stores/index.ts';
import { namespaceOf, storeName } from '../resources/names.ts';
import type { Address } from './address.ts';
import { connect, type Connected } from './connect.ts';
import type { Console } from './console.ts';
import { createLogger } from './log.ts';
import { certificateMetric, conditionMetric, leaderMetric } from './metrics.ts';
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
  certificateMetric(registry, operator.cluster);
  const leads = leaderMetric(registry);
  const stop = new AbortController();
  const signal = AbortSignal.any([console.signal, stop.signal]);
  let ready = false;
  await using servers = new AsyncDisposableStack();
  servers.use(await serveMetrics(options.metricsAddress, registry));
  servers.use(await serveHealth(options.healthAddress, { ready: () => ready, alive: () => true }));
  log.info(
    { event: 'operator_started', version: release.version, namespaces: options.namespaces },
    'The operator starts',
  );
  try {
    // Caches are filled before the lease is had, so that a new leader begins at once.
    await fillCaches(operator, signal, log);
    ready = true;
    const ok = await lead(options, { operator, connected, log, identity: identityOf(console), leads }, signal);
    log.info({ event: 'operator_stopped' }, 'The operator ends');
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
  const slow = setInterval(() => log.error({ event: 'caches_not_filled' }, hint), SLOW_START_MS);
  try {
    await operator.start(signal);
  } finally {
    clearInterval(slow);
  }
}

async function lead(
  options: RunOptions,
  from: { operator: Operator; connected: Connected; log: Logger; identity: string; leads: (value: boolean) => void },
  signal: AbortSignal,
): Promise<boolean> {
  const { operator, connected, log, identity, leads } = from;
  if (!options.leaderElect) {
    leads(true);
    await operator.control(signal);
    return true;
  }
  const election = new LeaderElection({
    client: connected.client,
    namespace: connected.namespace,
    name: 'collabeditor-operator',
    identity,
    onError: (error) => log.warn({ event: 'lease_failed', err: error }, 'The lease could not be read or written'),
  });
  await election.run(signal, async (held) => {
    log.info({ event: 'leadership_acquired', identity }, 'This process leads');
    leads(true);
    await operator.control(held);
    leads(false);
  });
  if (signal.aborted) return true;
  log.error({ event: 'leadership_lost' }, 'The lease is lost; another process leads');
  return false;
}

function identityOf({ env }: Console): string {
  return `${env['POD_NAME'] ?? hostname()}_${randomUUID()}`;
}
