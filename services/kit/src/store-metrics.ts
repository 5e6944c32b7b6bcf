import { Gauge, type Registry } from 'prom-client';
import type { Broker } from './broker.ts';
import type { Logger } from './log.ts';
import { createPool, type Pool } from './postgres.ts';
import { createProbe } from './probe.ts';
import type { Redis } from './redis.ts';

export interface StoreMetricsOptions {
  readonly metrics: Registry;
  readonly log: Logger;
  readonly database: { readonly url: string; readonly schema: string; readonly ca: string | undefined };
  /** The pools that the service works with. */
  readonly pools: readonly Pool[];
  readonly broker: Broker;
  /** All connections to Redis, a publishing one first. */
  readonly redis?: readonly [Redis, ...Redis[]];
  /** Other things that the service depends on and can tell about. */
  readonly others?: Readonly<Record<string, () => boolean>>;
}

export interface StoreMetrics extends AsyncDisposable {
  /** Sessions of their own for whoever measures, so that a pool in full use is not taken for an absent database. */
  readonly pool: Pool;
}

/** How scrapes ask stores. */
export const STORE_PROBE = { keepMs: 10_000, limitMs: 2_000 };
const STATEMENT_TIMEOUT_MS = 2_000;
/** Longer than the time between scrapes, so that not each of them makes a connection. */
const IDLE_MS = 120_000;

/** `collab_store_up` of each store as this process sees it, and how its pools of database connections are used. */
export function measureStores(options: StoreMetricsOptions): StoreMetrics {
  const { metrics, log, broker, redis, others = {} } = options;
  const { url, ...database } = options.database;
  const pool = createPool(url, {
    ...database,
    log,
    max: 2,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    idleTimeoutMs: IDLE_MS,
  });
  const isDatabaseUp = createProbe(() => pool.query('SELECT 1').then(() => true), STORE_PROBE);
  const stores: Record<string, () => boolean | Promise<boolean | undefined>> = {
    postgres: isDatabaseUp,
    rabbitmq: () => broker.connected(),
    ...(redis ? { redis: createRedisCheck(redis) } : {}),
    ...others,
  };
  new Gauge({
    name: 'collab_store_up',
    help: 'Whether this process can use a store (1) or not (0)',
    labelNames: ['store'],
    registers: [metrics],
    async collect() {
      const states = await Promise.all(
        Object.entries(stores).map(async ([store, isUp]) => ({ store, up: await isUp() })),
      );
      for (const { store, up } of states) this.set({ store }, up === true ? 1 : 0);
    },
  });
  measurePools(metrics, options.pools);
  return { pool, [Symbol.asyncDispose]: () => pool.end() };
}

/** A connection that hangs still counts as ready for its driver, so the first one is asked. */
function createRedisCheck(connections: readonly [Redis, ...Redis[]]): () => Promise<boolean | undefined> {
  const isReady = (): boolean => connections.every(({ status }) => status === 'ready');
  const answers = createProbe(() => connections[0].ping().then(() => true), STORE_PROBE);
  return async () => isReady() && answers();
}

function measurePools(metrics: Registry, pools: readonly Pool[]): void {
  const sum = (count: (pool: Pool) => number): number => pools.reduce((all, pool) => all + count(pool), 0);
  new Gauge({
    name: 'collab_database_pool_connections',
    help: 'Connections of the pools of database connections by whether they are in use',
    labelNames: ['state'],
    registers: [metrics],
    collect() {
      this.set(
        { state: 'busy' },
        sum(({ totalCount, idleCount }) => totalCount - idleCount),
      );
      this.set(
        { state: 'idle' },
        sum(({ idleCount }) => idleCount),
      );
    },
  });
  new Gauge({
    name: 'collab_database_pool_waiting',
    help: 'Callers that wait for a database connection',
    registers: [metrics],
    collect() {
      this.set(sum(({ waitingCount }) => waitingCount));
    },
  });
}
