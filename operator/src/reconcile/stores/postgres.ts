import pg from 'pg';
import { hashOf } from '../../kube/ownership.ts';
import type { Check } from '../../status/observed.ts';
import { failed, ok, type Account, type DatabaseAccounts, type DatabaseRequest } from './ports.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 15_000;
const LOCK = 0x636f6c6c;
const MARKER = 'collabeditor_operator';
const MARK_OF_ROLE = 'CollabEditor ';
const VOLUME_FUNCTION = 'public.collab_volume';

/** Roles, schemas and the mark of ownership in PostgreSQL. */
export class PostgresStore {
  /** Hash of the request that was last carried out, by environment: passwords can't be read back, so they are set once per change. */
  readonly #done = new Map<string, string>();

  async setUp(request: DatabaseRequest): Promise<Check> {
    try {
      await this.#connectAndSetUp(request);
      return ok(request.shared, 'PostgreSQL role');
    } catch (error) {
      this.#done.delete(request.owner);
      return error instanceof InUse ? failed('StoreInUse', error.message) : databaseProblem(error);
    }
  }

  /** Drops the schemas, the roles and the mark, unless the database is another environment's. */
  async drop(request: DatabaseRequest): Promise<Check> {
    this.#done.delete(request.owner);
    try {
      await using connection = await connect(request);
      await dropAll(connection.client, request);
      return { state: 'ok' };
    } catch (error) {
      return databaseProblem(error);
    }
  }

  async #connectAndSetUp(request: DatabaseRequest): Promise<void> {
    if (!request.shared) await makeDatabase(request);
    await using connection = await connect(request);
    const { client } = connection;
    const wanted = hashOf(request);
    if (this.#done.get(request.owner) === wanted && (await isComplete(client, request))) return;
    await client.query('BEGIN');
    // Two operators, or two environments that were given the same database, take turns.
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await claim(client, request.owner);
    if (request.shared) await makeSharedSchemas(client, request.services);
    else await makeAccounts(client, request);
    if (request.volume !== undefined) await makeVolumeFunction(client, request.volume);
    await client.query('COMMIT');
    this.#done.set(request.owner, wanted);
  }
}

class InUse extends Error {}

interface Connection extends AsyncDisposable {
  client: pg.Client;
}

async function connect(request: DatabaseRequest, database?: string): Promise<Connection> {
  const uri = new URL(request.adminUri);
  if (database !== undefined) uri.pathname = `/${encodeURIComponent(database)}`;
  const client = new pg.Client({
    connectionString: uri.href,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: 'collabeditor-operator',
    ...(request.ca !== undefined && { ssl: { ca: request.ca } }),
  });
  // A connection lost between two queries is told by the next query.
  client.on('error', () => undefined);
  const end = () => client.end().catch(() => undefined);
  try {
    await client.connect();
  } catch (error) {
    await end();
    throw error;
  }
  return { client, [Symbol.asyncDispose]: end };
}

/** Makes the database that the URI names, where it is missing. */
async function makeDatabase(request: DatabaseRequest): Promise<void> {
  try {
    const connection = await connect(request);
    await connection[Symbol.asyncDispose]();
    return;
  } catch (error) {
    if (sqlState(error) !== '3D000') throw error;
  }
  const name = decodeURIComponent(new URL(request.adminUri).pathname.slice(1));
  await using connection = await connect(request, 'postgres');
  try {
    await connection.client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  } catch (error) {
    // Somebody else made it a moment ago.
    if (sqlState(error) !== '42P04') throw error;
  }
}

/** Whether roles and schemas are all there: the cheap check of every turn. */
async function isComplete(client: pg.Client, { services, shared, volume }: DatabaseRequest): Promise<boolean> {
  const roles = shared ? [] : services.flatMap(({ app, owner }) => [app.user, owner.user]);
  const schemas = services.map(({ schema }) => schema);
  const { rows } = await client.query<{ found: string }>(
    `SELECT (SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = ANY($1) AND rolcanlogin)
          + (SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = ANY($2))
          + (SELECT count(*) FROM pg_catalog.pg_proc WHERE oid = to_regprocedure($3)) AS found`,
    [roles, schemas, volume === undefined ? null : `${VOLUME_FUNCTION}()`],
  );
  return Number(rows[0]?.found) === roles.length + schemas.length + (volume === undefined ? 0 : 1);
}

/** Marks the database as ours unless it is another's. */
async function claim(client: pg.Client, owner: string): Promise<void> {
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${MARKER}`);
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${MARKER}.environment (one boolean PRIMARY KEY DEFAULT true CHECK (one), owner text NOT NULL)`,
  );
  await client.query(`INSERT INTO ${MARKER}.environment (owner) VALUES ($1) ON CONFLICT DO NOTHING`, [owner]);
  const { rows } = await client.query<{ owner: string }>(`SELECT owner FROM ${MARKER}.environment`);
  const found = rows[0]?.owner;
  if (found !== owner) throw new InUse(`The database belongs to the environment ${found ?? ''} already.`);
}

async function makeSharedSchemas(client: pg.Client, services: DatabaseAccounts[]): Promise<void> {
  for (const { schema } of services) await client.query(`CREATE SCHEMA IF NOT EXISTS ${pg.escapeIdentifier(schema)}`);
}

async function makeAccounts(client: pg.Client, { services, owner: environment }: DatabaseRequest): Promise<void> {
  const { rows } = await client.query<{ database: string }>('SELECT current_database() AS database');
  const database = pg.escapeIdentifier(rows[0]?.database ?? '');
  await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
  for (const { schema: name, app, owner } of services) {
    const schema = pg.escapeIdentifier(name);
    for (const account of [app, owner]) {
      await makeRole(client, account, environment);
      const role = pg.escapeIdentifier(account.user);
      await client.query(`GRANT CONNECT ON DATABASE ${database} TO ${role}`);
      await client.query(`ALTER ROLE ${role} IN DATABASE ${database} SET search_path = ${schema}`);
    }
    const [appRole, ownerRole] = [pg.escapeIdentifier(app.user), pg.escapeIdentifier(owner.user)];
    // To give a schema to a role one has to be a member of it, unless one is a superuser.
    await client.query(`GRANT ${ownerRole} TO CURRENT_USER`);
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${ownerRole}`);
    await client.query(`ALTER SCHEMA ${schema} OWNER TO ${ownerRole}`);
    await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${appRole}`);
  }
}

/** Roles are the whole server's: one that another environment, in another database, made is left alone. */
async function makeRole(client: pg.Client, { user, password }: Account, environment: string): Promise<void> {
  const role = pg.escapeIdentifier(user);
  const { rows } = await client.query<{ mark: string | null }>(
    "SELECT pg_catalog.shobj_description(oid, 'pg_authid') AS mark FROM pg_catalog.pg_roles WHERE rolname = $1",
    [user],
  );
  const mark = `${MARK_OF_ROLE}${environment}`;
  const found = rows[0]?.mark;
  if (found?.startsWith(MARK_OF_ROLE) === true && found !== mark) {
    throw new InUse(`The role ${user} belongs to the environment ${found.slice(MARK_OF_ROLE.length)} already.`);
  }
  if (rows.length === 0) await client.query(`CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE`);
  if (found !== mark) await client.query(`COMMENT ON ROLE ${role} IS ${pg.escapeLiteral(mark)}`);
  await client.query(`ALTER ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
}

/**
 * A function that tells size and free space of the volume. Whoever may call it reads that one file and no other; a file that nobody
 * keeps up gives no row.
 */
async function makeVolumeFunction(
  client: pg.Client,
  { file, reader }: { file: string; reader: string },
): Promise<void> {
  const path = pg.escapeLiteral(file);
  // The names of the columns may not change by CREATE OR REPLACE.
  await client.query(`DROP FUNCTION IF EXISTS ${VOLUME_FUNCTION}()`);
  await client.query(
    `CREATE FUNCTION ${VOLUME_FUNCTION}() RETURNS TABLE (size_bytes bigint, available_bytes bigint)
     LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog
     AS $function$
       SELECT df[1]::bigint * 1024, df[2]::bigint * 1024
       FROM pg_stat_file(${path}, true) AS file,
            regexp_match(pg_read_file(${path}, 0, 4096, true), '\\s([0-9]+)\\s+[0-9]+\\s+([0-9]+)\\s+[0-9]+%') AS df
       WHERE file.modification > now() - interval '5 minutes' AND df IS NOT NULL
     $function$`,
  );
  await client.query(`REVOKE ALL ON FUNCTION ${VOLUME_FUNCTION}() FROM PUBLIC`);
  await client.query(`GRANT EXECUTE ON FUNCTION ${VOLUME_FUNCTION}() TO ${pg.escapeIdentifier(reader)}`);
}

async function dropAll(client: pg.Client, { owner, services, shared }: DatabaseRequest): Promise<void> {
  await client.query('BEGIN');
  await claim(client, owner);
  for (const { schema, app, owner: schemaOwner } of services) {
    await client.query(`DROP SCHEMA IF EXISTS ${pg.escapeIdentifier(schema)} CASCADE`);
    for (const { user } of shared ? [] : [app, schemaOwner]) {
      const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_roles WHERE rolname = $1', [user]);
      if (rowCount === 0) continue;
      const role = pg.escapeIdentifier(user);
      await client.query(`GRANT ${role} TO CURRENT_USER`);
      await client.query(`DROP OWNED BY ${role} CASCADE`);
      await client.query(`DROP ROLE ${role}`);
    }
  }
  await client.query(`DROP SCHEMA ${MARKER} CASCADE`);
  await client.query('COMMIT');
}

function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What an error of the driver means to the one who wrote the resource. Statements hold passwords and are never told. */
function databaseProblem(error: unknown): Check {
  if (error instanceof InUse) return failed('StoreInUse', error.message);
  const code = sqlState(error);
  if (code.startsWith('28'))
    return failed('AuthenticationFailed', "PostgreSQL refused the administrator's credentials.");
  if (code === '3D000') return failed('DatabaseMissing', 'The database that the URI names does not exist.');
  if (code === '42501') return failed('NotAllowed', 'The PostgreSQL role of the URI may not make roles or schemas.');
  if (code === '57P03') return { state: 'waiting' };
  const detail = code === '' && error instanceof Error ? error.message : code;
  return failed('Unreachable', `PostgreSQL can't be reached (${detail}).`);
}
