import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { eventually } from '../../../test/harness/eventually.ts';
import { freshDatabase, freshVhost } from '../../../test/harness/fresh.ts';
import { type Proxy, proxied } from '../../../test/harness/proxy.ts';
import { scrape } from '../../../test/harness/scrape.ts';
import { createBroker } from './broker.ts';
import { redisFields } from './config.ts';
import { createLogger } from './log.ts';
import { startRelay } from './outbox.ts';
import { createPool, type Pool } from './postgres.ts';
import { createRedis } from './redis.ts';
import { type ServiceDefinition, startService } from './run.ts';
import type { StartedService } from './service.ts';
import { measureStores } from './store-metrics.ts';

const silent = createLogger({ service: 'test', pod: 'test', level: 'silent' });
let pool: Pool;

/** The smallest service that measures its stores. */
const definition: ServiceDefinition<typeof redisFields> = {
  name: 'probe',
  schema: 'probe',
  migrations: new URL('./', import.meta.url),
  fields: redisFields,
  async create(config, { log, metrics }) {
    pool = createPool(config.DATABASE_URL, { schema: 'probe', log, max: 2 });
    const redis = createRedis({ url: config.REDIS_URL, log });
    const broker = createBroker({ url: config.AMQP_URL, log });
    const database = { url: config.DATABASE_URL, schema: 'probe', ca: undefined };
    const stores = measureStores({ metrics, log, database, pools: [pool], broker, redis: [redis] });
    const relay = startRelay({ pool, broker, log, metrics });
    return {
      ready: () => true,
      async [Symbol.asyncDispose]() {
        await relay[Symbol.asyncDispose]();
        await broker[Symbol.asyncDispose]();
        redis.disconnect();
        await Promise.all([pool.end(), stores[Symbol.asyncDispose]()]);
      },
    };
  },
};

const stack: AsyncDisposable[] = [];
function own<T extends AsyncDisposable>(one: T): T {
  stack.push(one);
  return one;
}

let service: StartedService;
let proxies: { readonly postgres: Proxy; readonly rabbitmq: Proxy; readonly redis: Proxy };

beforeEach(async () => {
  const database = own(await freshDatabase('probe'));
  const vhost = own(await freshVhost());
  const [postgres, rabbitmq, redis] = await Promise.all([
    proxied(database.url),
    proxied(vhost.amqpUrl),
    proxied(process.env['COLLAB_TEST_REDIS_URL'] ?? ''),
  ]);
  proxies = { postgres: own(postgres.proxy), rabbitmq: own(rabbitmq.proxy), redis: own(redis.proxy) };
  const admin = createPool(database.url, { schema: 'probe', log: silent });
  await admin.query(
    `CREATE TABLE outbox (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL UNIQUE,
       ordering_key text NOT NULL, type text NOT NULL, event jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`,
  );
  await admin.end();
  for (const proxy of Object.values(proxies)) await proxy.up();
  service = own(
    await startService(definition, {
      SERVICE_TOKEN: 'a-service-token-of-tests',
      DATABASE_URL: postgres.url,
      AMQP_URL: rabbitmq.url,
      REDIS_URL: redis.url,
    }),
  );
});

afterEach(async () => {
  for (const one of stack.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function stores(): Promise<Readonly<Record<string, number>>> {
  return (await scrape(service.telemetryUrl)).by('collab_store_up', 'store');
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const begun = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - begun) / 1000 };
}

it('[KI93] says which stores can be used, and that they are back', async () => {
  await eventually(async () => expect(await stores()).toEqual({ postgres: 1, rabbitmq: 1, redis: 1 }));
  for (const name of ['postgres', 'rabbitmq', 'redis'] as const) {
    await proxies[name].down();
    await eventually(async () => expect(await stores()).toEqual({ postgres: 1, rabbitmq: 1, redis: 1, [name]: 0 }));
    await proxies[name].up();
    await eventually(async () => expect(await stores()).toEqual({ postgres: 1, rabbitmq: 1, redis: 1 }));
  }
});

it('[KI92, KI93, KI94] is scraped in time while every store hangs', async () => {
  await eventually(async () => expect(await stores()).toEqual({ postgres: 1, rabbitmq: 1, redis: 1 }));
  proxies.postgres.stall();
  proxies.redis.stall();
  let slowest = 0;
  await eventually(async () => {
    const { result, seconds } = await timed(() => scrape(service.telemetryUrl));
    slowest = Math.max(slowest, seconds);
    // What AMQP says of a silent connection comes by its own heartbeats.
    expect(result.by('collab_store_up', 'store')).toMatchObject({ postgres: 0, redis: 0 });
    expect(result.value('collab_outbox_pending')).toBeUndefined();
    expect(result.value('collab_outbox_oldest_seconds')).toBeUndefined();
    expect(result.value('process_start_time_seconds')).toBeGreaterThan(0);
  });
  // All wait at the same time, 2 s at most; the rest is this machine's.
  expect(slowest).toBeLessThan(4);
  const { result, seconds } = await timed(() =>
    Promise.all(Array.from({ length: 20 }, () => scrape(service.telemetryUrl))),
  );
  expect(result).toHaveLength(20);
  expect(seconds).toBeLessThan(4);
  await proxies.postgres.up();
  await proxies.redis.up();
  await eventually(async () => {
    const { value, by } = await scrape(service.telemetryUrl);
    expect(by('collab_store_up', 'store')).toEqual({ postgres: 1, rabbitmq: 1, redis: 1 });
    expect(value('collab_outbox_pending')).toBe(0);
  }, 40_000);
});

it('[KI94] says how the pools of database connections are used', async () => {
  const used = async () => {
    const { by, value } = await scrape(service.telemetryUrl);
    return { ...by('collab_database_pool_connections', 'state'), waiting: value('collab_database_pool_waiting') };
  };
  // The relay holds one of the two.
  await eventually(async () => expect((await used()) as object).toMatchObject({ busy: 1, waiting: 0 }));
  const client = await pool.connect();
  const waiting = [pool.connect(), pool.connect()];
  // The scrape waits too, since it counts the outbox.
  const { waiting: callers, ...connections } = await used();
  expect(connections).toEqual({ busy: 2, idle: 0 });
  expect(callers).toBeGreaterThanOrEqual(2);
  client.release();
  for (const one of waiting) (await one).release();
  await eventually(async () => expect(await used()).toMatchObject({ busy: 1, idle: 1, waiting: 0 }));
});
