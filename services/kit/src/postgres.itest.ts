import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { type FreshDatabase, freshDatabase } from '../../../test/harness/fresh.ts';
import { createLogger } from './log.ts';
import { migrateSchema } from './migrate.ts';
import { createPool, type Pool, sqlState, transaction } from './postgres.ts';

const log = createLogger({ service: 'test', pod: 'p', level: 'silent' });
let database: FreshDatabase;
let pool: Pool;
let folder: string;

beforeEach(async () => {
  database = await freshDatabase('things');
  pool = createPool(database.url, { schema: 'things', log });
  folder = await mkdtemp(join(tmpdir(), 'migrations-'));
});

afterEach(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const write = (name: string, sql: string) => writeFile(join(folder, name), sql);
const migrateAll = (appRole?: string) =>
  migrateSchema({ url: database.url, schema: 'things', migrations: pathToFileURL(`${folder}/`), appRole, log });

async function column(sql: string): Promise<unknown[]> {
  const { rows } = await pool.query<{ value: unknown }>(sql);
  return rows.map(({ value }) => value);
}

describe('a transaction', () => {
  beforeEach(() => pool.query('CREATE TABLE t (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0)'));

  it('[KI50] commits what its function returns and rolls back what it throws', async () => {
    expect(await transaction(pool, async (tx) => (await tx.query('INSERT INTO t VALUES (1)')).rowCount)).toBe(1);
    const failing = transaction(pool, async (tx) => {
      await tx.query('INSERT INTO t VALUES (2)');
      await tx.query('INSERT INTO t VALUES (1)');
    });
    expect(sqlState(await failing.catch((error: unknown) => error))).toBe('23505');
    expect(await column('SELECT id AS value FROM t')).toEqual([1]);
    expect(await column('SELECT count(*) AS value FROM t')).toEqual([1]);
  });

  it('[KI50] that meets a deadlock runs again', async () => {
    await pool.query('INSERT INTO t VALUES (1), (2)');
    const meeting = Promise.withResolvers<undefined>();
    let arrived = 0;
    const cross = (first: number, second: number) =>
      transaction(pool, async (tx) => {
        await tx.query('UPDATE t SET n = n + 1 WHERE id = $1', [first]);
        if (++arrived === 2) meeting.resolve(undefined);
        await meeting.promise;
        await tx.query('UPDATE t SET n = n + 1 WHERE id = $1', [second]);
      });
    await Promise.all([cross(1, 2), cross(2, 1)]);
    expect(arrived).toBe(3);
    expect(await column('SELECT n AS value FROM t')).toEqual([2, 2]);
  });
});

describe('migrations', () => {
  it('[KI51] are applied in order, once, by many at a time', async () => {
    await write('002_second.sql', 'INSERT INTO log (name) VALUES (2)');
    await write(
      '001_first.sql',
      'CREATE TABLE log (position int GENERATED ALWAYS AS IDENTITY, name int); INSERT INTO log (name) VALUES (1)',
    );
    await Promise.all([migrateAll(), migrateAll(), migrateAll()]);
    await write('003_third.sql', 'INSERT INTO log (name) VALUES (3)');
    await migrateAll();
    expect(await column('SELECT name AS value FROM log ORDER BY position')).toEqual([1, 2, 3]);
  });

  it('[KI52] that were changed afterwards are refused', async () => {
    await write('001_first.sql', 'CREATE TABLE a (x int)');
    await migrateAll();
    await write('001_first.sql', 'CREATE TABLE a (y int)');
    await expect(migrateAll()).rejects.toThrow('migration 001_first.sql was changed');
  });

  it('[KI52] that fail leave nothing behind', async () => {
    await write('001_first.sql', 'CREATE TABLE a (x int); SELECT 1/0');
    await expect(migrateAll()).rejects.toThrow('migration 001_first.sql failed: division by zero');
    await write('001_first.sql', 'CREATE TABLE a (x int)');
    await migrateAll();
  });

  it('[KI53] give the application DML rights and no more', async () => {
    const role = `app_${Date.now()}_${process.pid}`;
    await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'application'`);
    await write('001_first.sql', 'CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY, x int)');
    await migrateAll(role);
    await write('002_second.sql', 'CREATE TABLE b (id serial, x int)');
    await migrateAll();
    const url = new URL(database.url);
    url.username = role;
    url.password = 'application';
    const client = new Client({ connectionString: url.href });
    await client.connect();
    try {
      for (const table of ['a', 'b']) {
        await client.query(`INSERT INTO ${table} (x) VALUES (1)`);
        await client.query(`UPDATE ${table} SET x = 2`);
        await client.query(`DELETE FROM ${table}`);
      }
      for (const sql of ['CREATE TABLE c (x int)', 'DROP TABLE a', 'DELETE FROM migrations', 'TRUNCATE a']) {
        expect(sqlState(await client.query(sql).catch((error: unknown) => error))).toBe('42501');
      }
    } finally {
      await client.end();
      await pool.query(`DROP OWNED BY ${role}`);
      await pool.query(`DROP ROLE ${role}`);
    }
  });
});
