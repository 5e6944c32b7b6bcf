import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { userPeerRoutes, userRoutes } from '@collabeditor/contracts';
import { createLogger, createPool, createRedis, type Pool } from '@collabeditor/kit';
import { Registry } from 'prom-client';
import { eventually } from '../../../test/harness/eventually.ts';
import { freshDatabase, type FreshDatabase } from '../../../test/harness/fresh.ts';
import { proxied } from '../../../test/harness/proxy.ts';
import { mostSeries, parseMetrics, scrape } from '../../../test/harness/scrape.ts';
import { type Harness, newKey, registered, startUserService } from '../test/service.ts';
import { measureStoreUse } from './store-stats.ts';

const log = createLogger({ service: 'test', pod: 'test', level: 'silent' });
const redisUrl = (): string => process.env['COLLAB_TEST_REDIS_URL'] ?? '';
const random = (): string => randomBytes(6).toString('hex');

/** A role and a Redis user with no more rights than the operator gives to the service. */
async function asTheService(admin: Pool, databaseUrl: string) {
  const [role, password] = [`probe_${random()}`, random()];
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  const url = new URL(databaseUrl);
  const caller = new URL(redisUrl());
  for (const one of [url, caller]) Object.assign(one, { username: role, password });
  const redisAdmin = createRedis({ url: redisUrl(), log });
  const rules = ['on', `>${password}`, '~user:*', '&user:*', '+@all', '-@admin', '-@dangerous', '+info'];
  await eventually(() => redisAdmin.call('ACL', 'SETUSER', role, ...rules));
  return {
    role,
    databaseUrl: url.href,
    redisUrl: caller.href,
    async [Symbol.asyncDispose]() {
      await redisAdmin.call('ACL', 'DELUSER', role);
      redisAdmin.disconnect();
      await admin.query(`DROP OWNED BY ${role}`);
      await admin.query(`DROP ROLE ${role}`);
    },
  };
}

async function observing(databaseUrl: string, redis: string) {
  const registry = new Registry();
  const pool = createPool(databaseUrl, { schema: 'users', log, statementTimeoutMs: 2_000, max: 2 });
  const connection = createRedis({ url: redis, log });
  measureStoreUse(registry, pool, connection);
  await eventually(() => connection.ping());
  return {
    read: async () => parseMetrics(await registry.metrics()),
    async [Symbol.asyncDispose]() {
      connection.disconnect();
      await pool.end();
    },
  };
}

describe('the use of the stores', () => {
  let database: FreshDatabase;
  let admin: Pool;
  beforeAll(async () => {
    database = await freshDatabase('users');
    admin = createPool(database.url, { schema: 'users', log });
  });
  afterAll(async () => {
    await admin.end();
    await database[Symbol.asyncDispose]();
  });

  it('[US50, US51] is told with the rights that the service has', async () => {
    await using service = await asTheService(admin, database.url);
    await using seen = await observing(service.databaseUrl, service.redisUrl);
    const { value, by } = await seen.read();
    const { rows } = await admin.query<{ size: number; max: number }>(
      `SELECT pg_database_size(current_database()) AS size, current_setting('max_connections')::int AS max`,
    );
    expect(value('collab_postgres_size_bytes')).toBeGreaterThan((rows[0]?.size ?? 0) * 0.9);
    expect(value('collab_postgres_max_connections')).toBe(rows[0]?.max);
    expect(value('collab_postgres_connections')).toBeGreaterThanOrEqual(2);
    expect(by('collab_postgres_transactions_total', 'result')).toEqual({
      commit: expect.any(Number),
      rollback: expect.any(Number),
    });
    expect(by('collab_postgres_transactions_total', 'result')['commit']).toBeGreaterThan(0);
    expect(by('collab_postgres_blocks_total', 'source')['cache']).toBeGreaterThan(0);
    expect(value('collab_postgres_deadlocks_total')).toBe(0);
    expect(value('collab_postgres_oldest_transaction_seconds')).toBeGreaterThanOrEqual(0);
    expect(value('collab_postgres_volume_size_bytes')).toBeUndefined();
    expect(value('collab_redis_memory_bytes')).toBeGreaterThan(100_000);
    expect(value('collab_redis_max_memory_bytes')).toBe(0);
    expect(value('collab_redis_connections')).toBeGreaterThanOrEqual(2);
    expect(value('collab_redis_commands_total')).toBeGreaterThan(0);
    expect(value('collab_redis_evicted_keys_total')).toBe(0);
    expect(value('collab_redis_persistence_ok')).toBe(1);
  });

  it('[US50] is that of the moment: an old transaction, a deadlock avoided, a rollback', async () => {
    await using seen = await observing(database.url, redisUrl());
    const client = await admin.connect();
    await client.query('BEGIN');
    await client.query('SELECT pg_sleep(1.5)');
    expect((await seen.read()).value('collab_postgres_oldest_transaction_seconds')).toBeGreaterThan(1);
    await client.query('ROLLBACK');
    client.release();
  });

  it('[US51] tells of the volume where PostgreSQL does', async () => {
    await using service = await asTheService(admin, database.url);
    await admin.query(
      `CREATE FUNCTION public.collab_volume() RETURNS TABLE (size_bytes bigint, available_bytes bigint)
       LANGUAGE sql SECURITY DEFINER AS 'SELECT 1000::bigint, 250::bigint'`,
    );
    await admin.query('REVOKE EXECUTE ON FUNCTION public.collab_volume() FROM PUBLIC');
    const size = 'collab_postgres_volume_size_bytes';
    {
      // A function that is not for us is none.
      await using seen = await observing(service.databaseUrl, service.redisUrl);
      const { value } = await seen.read();
      expect([value(size), value('collab_postgres_max_connections')]).toEqual([undefined, expect.any(Number)]);
    }
    await admin.query(`GRANT EXECUTE ON FUNCTION public.collab_volume() TO ${service.role}`);
    await using seen = await observing(service.databaseUrl, service.redisUrl);
    const { value } = await seen.read();
    expect([value(size), value('collab_postgres_volume_available_bytes')]).toEqual([1000, 250]);
  });
});

it('[US50] scrapes go on while stores hang, without what those would tell', async () => {
  const [database, redis] = [await freshDatabase('users'), await proxied(redisUrl())];
  const postgres = await proxied(database.url);
  await Promise.all([postgres.proxy.up(), redis.proxy.up()]);
  const service = await startUserService({ DATABASE_URL: postgres.url, REDIS_URL: redis.url });
  const told = async () => {
    const { value } = await scrape(service.telemetryUrl);
    return [value('collab_postgres_size_bytes') !== undefined, value('collab_redis_memory_bytes') !== undefined];
  };
  await eventually(async () => expect(await told()).toEqual([true, true]));
  redis.proxy.stall();
  await eventually(async () => expect(await told()).toEqual([true, false]));
  postgres.proxy.stall();
  const begun = performance.now();
  await eventually(async () => {
    const { by, value } = await scrape(service.telemetryUrl);
    expect(by('collab_store_up', 'store')).toEqual({ postgres: 0, rabbitmq: 1, redis: 0 });
    expect(value('collab_postgres_size_bytes')).toBeUndefined();
    expect(value('process_start_time_seconds')).toBeGreaterThan(0);
  });
  expect(performance.now() - begun).toBeLessThan(20_000);
  await Promise.all([postgres.proxy.up(), redis.proxy.up()]);
  await eventually(async () => expect(await told()).toEqual([true, true]), 40_000);
  await service[Symbol.asyncDispose]();
  await Promise.all([postgres.proxy, redis.proxy, database].map((one) => one[Symbol.asyncDispose]()));
}, 120_000);

describe('the service', () => {
  let service: Harness;
  beforeAll(async () => {
    service = await startUserService();
  });
  afterAll(async () => service[Symbol.asyncDispose]());

  it('[US52] tells when the key was made that signs', async () => {
    const name = 'collab_signing_key_created_timestamp_seconds';
    const created = async () => (await scrape(service.telemetryUrl)).value(name);
    expect(await created()).toBeUndefined();
    const write = (made: unknown) =>
      writeFile(
        service.keysFile,
        JSON.stringify({ keys: [{ ...newKey(random()), created: made }, newKey(random(), 'publish')] }),
      );
    await write('2026-03-01T00:00:00Z');
    await eventually(async () => expect(await created()).toBe(Date.parse('2026-03-01T00:00:00Z') / 1000));
    await write('yesterday');
    await eventually(async () => expect(await created()).toBeUndefined());
    await write(5);
    expect((await service.call('POST', '/auth/logout', { refreshToken: 'x' })).status).toBe(204);
  });

  it('[US53] has no more than 500 series, whatever is asked', async () => {
    const ada = await registered(service);
    const routes = [...Object.values(userRoutes), ...Object.values(userPeerRoutes)];
    for (const { path } of routes) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const mayHaveBody = method !== 'GET' && method !== 'HEAD';
        for (const body of mayHaveBody ? [undefined, {}, '{', { email: ada.email, password: 'wrong' }] : [undefined]) {
          await service.call(method, path, body);
          await service.call(method, path, body, { token: 'nonsense' });
          await service.peer(method, path, body);
          if (path !== '/auth/logout-all') await service.call(method, path, body, { token: ada.accessToken });
        }
      }
    }
    for (let path = 0; path < 200; path++) await service.call('GET', `/auth/${path}`);
    const seen = await scrape(service.telemetryUrl);
    const statuses = routes.flatMap(({ answers }) => Object.keys(answers).map(Number));
    const most = mostSeries(seen, { kinds: 33, statuses });
    expect(seen.samples.length).toBeLessThanOrEqual(most);
    expect(most).toBeLessThanOrEqual(500);
    process.stderr.write(`series of the user service: ${seen.samples.length}, at most ${most}, ${seen.bytes} bytes\n`);
    expect(seen.samples.filter(({ labels }) => /\d{2}/.test(labels['route'] ?? ''))).toEqual([]);
    expect([...seen.types.keys()].filter((name) => !seen.helped.has(name))).toEqual([]);
  });
});
