import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { atMostEvery, type Logger } from './log.ts';
import { connectionOptions } from './postgres.ts';
import { isError, isOutage } from './problem.ts';

export interface MigrationOptions {
  readonly url: string;
  readonly ca?: string | undefined;
  readonly schema: string;
  /** Folder of `NNN_name.sql`. */
  readonly migrations: URL;
  /** Role that gets DML rights on everything in the schema. */
  readonly appRole?: string | undefined;
  readonly log: Logger;
  /** How long to wait for the database. */
  readonly waitMs?: number;
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** Brings a schema up to date. Several at once take turns; a second run changes nothing. */
export async function migrateSchema(options: MigrationOptions): Promise<void> {
  const migrations = readMigrations(options.migrations);
  const client = await connect(options);
  try {
    await client.query(`SELECT pg_advisory_lock(hashtextextended($1, 0))`, [`collab.migrate.${options.schema}`]);
    await prepare(client, options.schema);
    for (const migration of await pending(client, migrations)) {
      await apply(client, migration);
      options.log.info({ event: 'migration_applied', migration: migration.name }, 'A migration was applied');
    }
    if (options.appRole !== undefined) await grant(client, options.schema, options.appRole);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function readMigrations(folder: URL): readonly Migration[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

async function connect(options: MigrationOptions): Promise<pg.Client> {
  const deadline = Date.now() + (options.waitMs ?? 60_000);
  const report = atMostEvery(10_000, (err) =>
    options.log.info({ event: 'database_awaited', err }, 'Waiting for the database'),
  );
  for (;;) {
    const client = new pg.Client({
      ...connectionOptions(options.url, options.ca),
      connectionTimeoutMillis: 5_000,
      application_name: `collab-migrate-${options.schema}`,
    });
    client.on('error', (err) =>
      options.log.warn({ event: 'migration_connection_broken', err }, 'The connection of the migration broke'),
    );
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (!isOutage(error) || Date.now() > deadline) throw error;
      report(error);
      await delay(Math.min(1_000, Math.max(1, deadline - Date.now())));
    }
  }
}

async function prepare(client: pg.Client, schema: string): Promise<void> {
  const name = pg.escapeIdentifier(schema);
  // An existing schema may belong to a role that may not make one.
  const { rowCount } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (rowCount === 0) await client.query(`CREATE SCHEMA ${name}`);
  await client.query(`SET search_path = ${name}`);
  await client.query(
    'CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
  );
}

async function pending(client: pg.Client, migrations: readonly Migration[]): Promise<readonly Migration[]> {
  const { rows } = await client.query<{ name: string; checksum: string }>('SELECT name, checksum FROM migrations');
  const applied = new Map(rows.map((row) => [row.name, row.checksum]));
  const changed = migrations.find(({ name, checksum }) => applied.has(name) && applied.get(name) !== checksum);
  if (changed)
    throw new Error(`migration ${changed.name} was changed after it had been applied; add a new one instead`);
  return migrations.filter(({ name }) => !applied.has(name));
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO migrations (name, checksum) VALUES ($1, $2)', [name, checksum]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new Error(`migration ${name} failed: ${isError(error) ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

async function grant(client: pg.Client, schemaName: string, roleName: string): Promise<void> {
  const schema = pg.escapeIdentifier(schemaName);
  const role = pg.escapeIdentifier(roleName);
  const tables = 'SELECT, INSERT, UPDATE, DELETE';
  await client.query(
    [
      'BEGIN',
      `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
      `GRANT ${tables} ON ALL TABLES IN SCHEMA ${schema} TO ${role}`,
      `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role}`,
      `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} TO ${role}`,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT ${tables} ON TABLES TO ${role}`,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT USAGE, SELECT ON SEQUENCES TO ${role}`,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT EXECUTE ON FUNCTIONS TO ${role}`,
      `REVOKE INSERT, UPDATE, DELETE ON ${schema}.migrations FROM ${role}`,
      'COMMIT',
    ].join(';\n'),
  );
}
