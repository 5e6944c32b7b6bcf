import { afterEach, expect, it } from '@jest/globals';
import { route } from '@collabeditor/contracts';
import { freshDatabase, freshVhost } from '../../../test/harness/fresh.ts';
import { eventually } from '../../../test/harness/eventually.ts';
import { proxied } from '../../../test/harness/proxy.ts';
import { createBroker } from './broker.ts';
import { redisFields } from './config.ts';
import { createHttpApp } from './http.ts';
import { createLogger } from './log.ts';
import { createPool } from './postgres.ts';
import { createRedis } from './redis.ts';
import { handle, reply } from './route.ts';
import { startService, type ServiceDefinition } from './run.ts';

const ping = route({ id: 'ping', method: 'get', path: '/ping', access: 'public', summary: '', answers: {} });

/** The smallest service with all three stores. */
const definition: ServiceDefinition<typeof redisFields> = {
  name: 'probe',
  schema: 'probe',
  migrations: new URL('./', import.meta.url),
  fields: redisFields,
  async create(config, { log, metrics }) {
    const pool = createPool(config.DATABASE_URL, { schema: 'probe', log });
    const redis = createRedis({ url: config.REDIS_URL, log });
    const broker = createBroker({ url: config.AMQP_URL, log });
    const pinged = handle(ping, async () => {
      await pool.query('SELECT 1');
      const cache = await redis.ping().catch(() => 'away');
      return reply(200, { cache, broker: broker.connected() });
    });
    return {
      public: createHttpApp({ routes: [pinged], metrics, log }),
      ready: () => true,
      async [Symbol.asyncDispose]() {
        await broker[Symbol.asyncDispose]();
        redis.disconnect();
        await pool.end();
      },
    };
  },
};

const secret = { SERVICE_TOKEN: 'a-service-token-of-tests' };
const stack: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of stack.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

function own<T extends AsyncDisposable>(one: T): T {
  stack.push(one);
  return one;
}

async function fetchJson(url: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

it('[KI43] starts with every store away, and finds them when they come', async () => {
  const database = own(await freshDatabase('probe'));
  const vhost = own(await freshVhost());
  const postgres = await proxied(database.url);
  const rabbit = await proxied(vhost.amqpUrl);
  const redis = await proxied(process.env['COLLAB_TEST_REDIS_URL'] ?? '');
  for (const { proxy } of [postgres, rabbit, redis]) own(proxy);
  const service = own(
    await startService(definition, {
      ...secret,
      DATABASE_URL: postgres.url,
      AMQP_URL: rabbit.url,
      REDIS_URL: redis.url,
    }),
  );
  const url = `${service.publicUrl}/ping`;
  expect(await fetchJson(url)).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect((await fetch(`${service.telemetryUrl}/readyz`)).status).toBe(200);

  await postgres.proxy.up();
  expect(await fetchJson(url)).toEqual({ status: 200, body: { cache: 'away', broker: false } });
  await redis.proxy.up();
  await rabbit.proxy.up();
  await eventually(async () =>
    expect(await fetchJson(url)).toEqual({ status: 200, body: { cache: 'PONG', broker: true } }),
  );

  for (const { proxy } of [postgres, rabbit, redis]) await proxy.down();
  expect(await fetchJson(url)).toMatchObject({ status: 503 });
  for (const { proxy } of [postgres, rabbit, redis]) await proxy.up();
  await eventually(async () =>
    expect(await fetchJson(url)).toEqual({ status: 200, body: { cache: 'PONG', broker: true } }),
  );
});

it('[KI81, KI82] tells an outage of its stores once, and its end, and nothing of what goes well', async () => {
  const database = own(await freshDatabase('probe'));
  const vhost = own(await freshVhost());
  const postgres = await proxied(database.url);
  const rabbit = await proxied(vhost.amqpUrl);
  const redis = await proxied(process.env['COLLAB_TEST_REDIS_URL'] ?? '');
  const proxies = [postgres, rabbit, redis].map(({ proxy }) => own(proxy));
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ service: 'probe', pod: 'p', level: 'info', destination });
  const told = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const toldOf = (...events: string[]) => told().filter(({ event }) => events.includes(String(event)));
  for (const proxy of proxies) await proxy.up();
  const service = own(
    await startService(
      definition,
      { ...secret, DATABASE_URL: postgres.url, AMQP_URL: rabbit.url, REDIS_URL: redis.url },
      { log },
    ),
  );
  const url = `${service.publicUrl}/ping`;
  const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
  const works = () =>
    eventually(async () =>
      expect(await fetchJson(url)).toEqual({ status: 200, body: { cache: 'PONG', broker: true } }),
    );
  await works();
  for (let count = 0; count < 50; count++) await fetch(url, { headers });
  expect(lines).toEqual([]);

  for (const proxy of proxies) await proxy.down();
  await eventually(() => expect(toldOf('broker_away', 'database_away', 'redis_away')).toHaveLength(3));
  for (let count = 0; count < 50; count++) await fetch(url, { headers });
  for (const proxy of proxies) await proxy.up();
  await works();
  await eventually(() => expect(toldOf('broker_back', 'database_back', 'redis_back')).toHaveLength(3));
  expect(toldOf('broker_away', 'database_away', 'redis_away')).toHaveLength(3);
  for (const line of toldOf('broker_back', 'database_back', 'redis_back')) {
    expect(line).toMatchObject({ level: 'info', seconds: expect.any(Number) });
    expect(line).not.toHaveProperty('traceId');
  }
  const answers = toldOf('request_answered');
  expect(answers.every(({ level, traceId }) => level === 'warn' && traceId === 'a'.repeat(32))).toBe(true);
  expect(answers.length).toBeGreaterThan(0);
  expect(answers.length).toBeLessThan(50);
});

it('[KI41] is not ready at once when told to stop, and still answers', async () => {
  const database = own(await freshDatabase('probe'));
  const service = await startService(definition, {
    ...secret,
    DATABASE_URL: database.url,
    AMQP_URL: process.env['COLLAB_TEST_AMQP_URL'],
    REDIS_URL: process.env['COLLAB_TEST_REDIS_URL'],
  });
  expect((await fetch(`${service.telemetryUrl}/readyz`)).status).toBe(200);
  service.stopping();
  expect((await fetch(`${service.telemetryUrl}/readyz`)).status).toBe(503);
  expect((await fetch(`${service.telemetryUrl}/healthz`)).status).toBe(200);
  expect((await fetch(`${service.publicUrl}/ping`)).status).toBe(200);
  await service[Symbol.asyncDispose]();
  await expect(fetch(`${service.publicUrl}/ping`)).rejects.toThrow();
});

it('[KI42] tells its metrics', async () => {
  const database = own(await freshDatabase('probe'));
  const service = own(
    await startService(definition, {
      ...secret,
      DATABASE_URL: database.url,
      AMQP_URL: process.env['COLLAB_TEST_AMQP_URL'],
      REDIS_URL: process.env['COLLAB_TEST_REDIS_URL'],
    }),
  );
  await fetch(`${service.publicUrl}/ping`);
  const text = await (await fetch(`${service.telemetryUrl}/metrics`)).text();
  expect(text).toContain('nodejs_eventloop_lag_seconds');
  expect(text).toContain('http_request_duration_seconds_count{method="GET",route="/ping",status="200"} 1');
});
