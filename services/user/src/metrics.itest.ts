/** What the user service tells of itself and of the environment's stores. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { userPeerRoutes, userRoutes } from '@collabeditor/contracts';
import { createLogger, createPool } from '@collabeditor/kit';
import { eventually } from '../../../test/harness/eventually.ts';
import { mostSeries, scrape } from '../../../test/harness/scrape.ts';
import { type Harness, newKey, registered, startUserService } from '../test/service.ts';

const log = createLogger({ service: 'test', pod: 'test', level: 'silent' });

let service: Harness;
beforeAll(async () => {
  service = await startUserService();
});
afterAll(async () => service[Symbol.asyncDispose]());

it('[US50] tells what PostgreSQL and Redis say of themselves, and goes on without the one that is away', async () => {
  const { value, by } = await scrape(service.telemetryUrl);
  expect(value('collab_postgres_size_bytes')).toBeGreaterThan(1_000_000);
  expect(value('collab_postgres_connections')).toBeGreaterThan(0);
  expect(value('collab_postgres_max_connections')).toBeGreaterThanOrEqual(value('collab_postgres_connections') ?? NaN);
  expect(by('collab_postgres_transactions_total', 'result')).toMatchObject({ commit: expect.any(Number) });
  expect(Object.keys(by('collab_postgres_blocks_total', 'source')).sort()).toEqual(['cache', 'disk']);
  expect(value('collab_postgres_deadlocks_total')).toBe(0);
  expect(value('collab_postgres_oldest_transaction_seconds')).toBeGreaterThanOrEqual(0);
  expect(value('collab_redis_memory_bytes')).toBeGreaterThan(100_000);
  expect(value('collab_redis_commands_total')).toBeGreaterThan(0);
  expect(value('collab_redis_persistence_ok')).toBe(1);

  await using lonely = await startUserService({ REDIS_URL: 'redis://127.0.0.1:1' });
  const without = await scrape(lonely.telemetryUrl);
  expect(without.value('collab_redis_memory_bytes')).toBeUndefined();
  expect(without.value('collab_postgres_size_bytes')).toBeGreaterThan(1_000_000);
  expect(without.by('collab_store_up', 'store')).toMatchObject({ redis: 0 });
});

it('[US51] tells the room on the volume where PostgreSQL has a function for it, and nothing elsewhere', async () => {
  expect((await scrape(service.telemetryUrl)).value('collab_postgres_volume_size_bytes')).toBeUndefined();
  await using other = await startUserService();
  const pool = createPool(other.databaseUrl, { schema: 'public', log });
  await pool.query(
    `CREATE FUNCTION public.collab_volume() RETURNS TABLE (size_bytes bigint, available_bytes bigint)
     LANGUAGE sql AS 'SELECT 1000::bigint, 250::bigint'`,
  );
  await pool.end();
  const { value } = await scrape(other.telemetryUrl);
  expect([value('collab_postgres_volume_size_bytes'), value('collab_postgres_volume_available_bytes')]).toEqual([
    1000, 250,
  ]);
});

it('[US52] tells when the key was made that signs, once its file says so', async () => {
  const name = 'collab_signing_key_created_timestamp_seconds';
  expect((await scrape(service.telemetryUrl)).value(name)).toBeUndefined();
  const created = '2026-01-02T03:04:05Z';
  await writeFile(service.keysFile, JSON.stringify({ keys: [{ ...newKey('second'), created }] }));
  await eventually(async () =>
    expect((await scrape(service.telemetryUrl)).value(name)).toBe(Date.parse(created) / 1000),
  );
});

it('[US53] has no more than 500 series, whatever is asked', async () => {
  const { accessToken } = await registered(service);
  const routes = [...Object.values(userRoutes), ...Object.values(userPeerRoutes)];
  for (const { path } of routes) {
    for (const method of ['GET', 'POST', 'PATCH', 'DELETE', 'OPTIONS']) {
      const body = method === 'GET' ? undefined : {};
      await service.call(method, path, body, { token: accessToken });
      await service.call(method, path, body);
      await service.peer(method, path, body);
    }
  }
  for (let path = 0; path < 100; path++) await service.call('GET', `/auth/${path}`);
  const seen = await scrape(service.telemetryUrl);
  const statuses = routes.flatMap(({ answers }) => Object.keys(answers).map(Number));
  expect(seen.samples.length).toBeLessThanOrEqual(mostSeries(seen, { kinds: 27, statuses }));
  expect(mostSeries(seen, { kinds: 27, statuses })).toBeLessThanOrEqual(500);
});
