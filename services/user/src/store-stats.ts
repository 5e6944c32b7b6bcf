import { createProbe, type Pool, type Redis, STORE_PROBE } from '@collabeditor/kit';
import { Counter, Gauge, type Registry } from 'prom-client';

/** What the data stores of the environment tell of themselves. One service asks for all of them. */
export function measureStoreUse(metrics: Registry, pool: Pool, redis: Redis): void {
  show(metrics, () => readUse(pool), postgresFacts);
  show(metrics, () => readVolume(pool), volumeFacts);
  show(metrics, async () => parseInfo(await redis.info()), redisFacts);
}

interface Fact<T> {
  readonly kind: 'gauge' | 'counter';
  readonly name: string;
  readonly help: string;
  /** Name of the label of the values, where there are several. */
  readonly label?: string;
  readonly values: (stats: T) => readonly Value[];
}
type Value = readonly [value: number, label?: string];

const postgresFacts: readonly Fact<Use>[] = [
  { kind: 'gauge', name: 'collab_postgres_size_bytes', help: 'Size of the database', values: ({ size }) => [[size]] },
  {
    kind: 'gauge',
    name: 'collab_postgres_connections',
    help: 'Connections to the server',
    values: ({ connections }) => [[connections]],
  },
  {
    kind: 'gauge',
    name: 'collab_postgres_max_connections',
    help: 'Connections that the server takes',
    values: ({ max }) => [[max]],
  },
  {
    kind: 'counter',
    name: 'collab_postgres_transactions_total',
    help: 'Transactions of the database by how they ended',
    label: 'result',
    values: ({ commits, rollbacks }) => [
      [commits, 'commit'],
      [rollbacks, 'rollback'],
    ],
  },
  {
    kind: 'counter',
    name: 'collab_postgres_deadlocks_total',
    help: 'Deadlocks in the database',
    values: ({ deadlocks }) => [[deadlocks]],
  },
  {
    kind: 'counter',
    name: 'collab_postgres_blocks_total',
    help: 'Blocks of the database by where they were read from',
    label: 'source',
    values: ({ hits, reads }) => [
      [hits, 'cache'],
      [reads, 'disk'],
    ],
  },
  {
    kind: 'gauge',
    name: 'collab_postgres_oldest_transaction_seconds',
    help: 'Age of the oldest open transaction in the database that this role may see',
    values: ({ oldest }) => [[oldest]],
  },
];

const volumeFacts: readonly Fact<Volume>[] = [
  {
    kind: 'gauge',
    name: 'collab_postgres_volume_size_bytes',
    help: 'Size of the volume of PostgreSQL',
    values: ({ size }) => [[size]],
  },
  {
    kind: 'gauge',
    name: 'collab_postgres_volume_available_bytes',
    help: 'Room that is left on the volume of PostgreSQL',
    values: ({ available }) => [[available]],
  },
];

type Info = ReadonlyMap<string, string>;
const field =
  (name: string) =>
  (info: Info): readonly Value[] => {
    const text = info.get(name);
    return text !== undefined && /^\d+$/.test(text) ? [[Number(text)]] : [];
  };

const redisFacts: readonly Fact<Info>[] = [
  {
    kind: 'gauge',
    name: 'collab_redis_memory_bytes',
    help: 'Memory in use by Redis',
    values: field('used_memory'),
  },
  {
    kind: 'gauge',
    name: 'collab_redis_max_memory_bytes',
    help: 'Memory that Redis may use; 0 is without limit',
    values: field('maxmemory'),
  },
  {
    kind: 'gauge',
    name: 'collab_redis_connections',
    help: 'Connections to Redis',
    values: field('connected_clients'),
  },
  {
    kind: 'counter',
    name: 'collab_redis_commands_total',
    help: 'Commands that Redis has processed',
    values: field('total_commands_processed'),
  },
  {
    kind: 'counter',
    name: 'collab_redis_evicted_keys_total',
    help: 'Keys that Redis dropped for want of memory',
    values: field('evicted_keys'),
  },
  {
    kind: 'gauge',
    name: 'collab_redis_persistence_ok',
    help: 'Whether Redis could write its data to disk the last time (1) or not (0)',
    values: (info) => [[isWritten(info) ? 1 : 0]],
  },
];

interface Use {
  readonly size: number;
  readonly connections: number;
  readonly max: number;
  readonly commits: number;
  readonly rollbacks: number;
  readonly deadlocks: number;
  readonly hits: number;
  readonly reads: number;
  readonly oldest: number;
}

async function readUse(pool: Pool): Promise<Use | undefined> {
  const { rows } = await pool.query<Use>(
    `SELECT pg_database_size(datname) AS size, xact_commit AS commits, xact_rollback AS rollbacks, deadlocks,
            blks_hit AS hits, blks_read AS reads,
            (SELECT sum(numbackends)::bigint FROM pg_stat_database) AS connections,
            current_setting('max_connections')::bigint AS max,
            (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8
             FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()) AS oldest
     FROM pg_stat_database WHERE datname = current_database()`,
  );
  return rows[0];
}

interface Volume {
  readonly size: number;
  readonly available: number;
}

/** Only PostgreSQL itself can see its volume; where it is ours there is a function that tells. */
async function readVolume(pool: Pool): Promise<Volume | undefined> {
  const found = await pool.query<{ callable: boolean | null }>(
    `SELECT has_function_privilege(to_regprocedure('public.collab_volume()')::oid, 'EXECUTE') AS callable`,
  );
  if (found.rows[0]?.callable !== true) return undefined;
  const { rows } = await pool.query<Volume>(
    'SELECT size_bytes AS size, available_bytes AS available FROM public.collab_volume()',
  );
  return rows[0];
}

function parseInfo(text: string): Info {
  return new Map(
    text.split('\r\n').flatMap((line): [string, string][] => {
      const end = line.indexOf(':');
      return end > 0 ? [[line.slice(0, end), line.slice(end + 1)]] : [];
    }),
  );
}

function isWritten(info: Info): boolean {
  return ['rdb_last_bgsave_status', 'aof_last_write_status'].every((name) => (info.get(name) ?? 'ok') === 'ok');
}

/** Facts of one answer. Without an answer all of them are absent. */
function show<T>(metrics: Registry, ask: () => Promise<T | undefined>, facts: readonly Fact<T>[]): void {
  const read = createProbe(ask, STORE_PROBE);
  for (const { kind, name, help, label, values } of facts) {
    const refresh = async (metric: Gauge | Counter): Promise<void> => {
      const stats = await read();
      metric.reset();
      if (label === undefined) metric.remove();
      if (stats === undefined) return;
      for (const [value, labelled] of values(stats)) {
        if (label === undefined || labelled === undefined) metric.inc(value);
        else metric.inc({ [label]: labelled }, value);
      }
    };
    const Metric = kind === 'gauge' ? Gauge : Counter;
    new Metric({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [metrics],
      collect(this: Gauge | Counter): Promise<void> {
        return refresh(this);
      },
    });
  }
}
