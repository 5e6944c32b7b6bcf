import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from './log.ts';
import { watchStore } from './outage.ts';
import { isError, isOutage } from './problem.ts';
import { type SpanOptions, withSpan } from './trace.ts';

export type Pool = pg.Pool;
/** A pool, a client or a transaction. */
export type Queryable = Pick<pg.PoolClient, 'query'>;
declare const inTransaction: unique symbol;
/** Only {@link transaction} hands these out, so a function that takes one is part of a transaction. */
export type Tx = Queryable & { readonly [inTransaction]: true };

export interface PoolOptions {
  /** First in the search path, so that SQL names no schema. */
  readonly schema: string;
  readonly log: Logger;
  /** PEM of the certificate authority. */
  readonly ca?: string | undefined;
  readonly max?: number;
  /** The server gives a statement up after this time. */
  readonly statementTimeoutMs?: number;
  /** After this time without use a connection is closed. */
  readonly idleTimeoutMs?: number;
}

/** A pool that connects when it is used, and reads `bigint` as a number. */
export function createPool(url: string, options: PoolOptions): Pool {
  const timeout = options.statementTimeoutMs ?? 15_000;
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new pg.Pool({
    ...connectionOptions(url, options.ca),
    max: options.max ?? 10,
    idleTimeoutMillis: options.idleTimeoutMs ?? 10_000,
    connectionTimeoutMillis: 5_000,
    query_timeout: timeout + 5_000,
    keepAlive: true,
    application_name: `collab-${options.schema}`,
    options: `-c search_path=${options.schema} -c statement_timeout=${timeout} -c idle_in_transaction_session_timeout=60000`,
    types,
  });
  watchPool(pool, options.log);
  return pool;
}

/** An idle connection that breaks, or one that can't be made, tells that the database is away; the next one that is given out, that it is back. */
function watchPool(pool: Pool, log: Logger): void {
  const watch = watchStore(log, 'database');
  pool.on('error', watch.failed);
  pool.on('acquire', watch.works);
  const connect = pool.connect.bind(pool);
  const noticed = (error: unknown): void => {
    // All connections being in use is no outage.
    if (isOutage(error) && !(isError(error) && error.message.startsWith('timeout exceeded'))) watch.failed(error);
  };
  // The pool has an event for what it gives out, and none for what it could not make. Its `query` goes this way too.
  function connectWatched(): Promise<pg.PoolClient>;
  function connectWatched(callback: Connected): void;
  function connectWatched(callback?: Connected): Promise<pg.PoolClient> | undefined {
    if (!callback)
      return connect().catch((error: unknown) => {
        noticed(error);
        throw error;
      });
    connect((error, client, done) => {
      noticed(error);
      callback(error, client, done);
    });
    return undefined;
  }
  pool.connect = connectWatched;
}

type Connected = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: unknown) => void,
) => void;

/** The driver lets `sslmode` of the URL overrule the certificate authority that it is given, so only one of them is passed. */
export function connectionOptions(url: string, ca: string | undefined): pg.ClientConfig {
  if (ca === undefined) return { connectionString: url };
  const bare = new URL(url);
  bare.searchParams.delete('sslmode');
  return { connectionString: bare.href, ssl: { ca } };
}

const repeatable = new Set(['40001', '40P01']);

/**
 * Runs `work` in a transaction: commits what it returns, rolls back what it throws.
 * A serialization failure or deadlock runs it again, so it must have no effect but through `tx`.
 */
export function transaction<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  return withSpan(TRANSACTION, async (span) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(pool, work);
      } catch (error) {
        if (attempt === 4 || !repeatable.has(sqlState(error) ?? '')) throw error;
        span.set({ 'collab.attempts': attempt + 1 });
        await delay(attempt * 10);
      }
    }
  });
}

const TRANSACTION: SpanOptions = {
  name: 'transaction',
  kind: 'client',
  attributes: { 'db.system.name': 'postgresql', 'db.operation.name': 'TRANSACTION' },
};

async function once<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error): void => void (broken = error);
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work(client as unknown as Tx);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client
      .query('ROLLBACK')
      .catch((failure: unknown) => (broken ??= isError(failure) ? failure : new Error('rollback')));
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** SQLSTATE of a database error, else null. */
export function sqlState(error: unknown): string | null {
  return error instanceof pg.DatabaseError ? (error.code ?? null) : null;
}

/** Name of the constraint that an insert or update violated, else null. */
export function violatedConstraint(error: unknown): string | null {
  return error instanceof pg.DatabaseError ? (error.constraint ?? null) : null;
}
