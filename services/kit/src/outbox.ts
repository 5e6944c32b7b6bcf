import { setTimeout as delay } from 'node:timers/promises';
import { type AnyEvent, type CloudEvent, EXCHANGE } from '@collabeditor/contracts';
import type pg from 'pg';
import { Gauge, type Registry } from 'prom-client';
import type { Broker } from './broker.ts';
import { atMostEvery, type Logger } from './log.ts';
import type { Pool, Tx } from './postgres.ts';
import { createProbe } from './probe.ts';
import { isError } from './problem.ts';
import { traceHeaders, withTrace } from './trace.ts';

/**
 * Writes an event in the transaction of the change that it tells of.
 * The lock is taken before the position is drawn, so that positions of one subject commit in order.
 */
export async function appendEvent(tx: Tx, event: CloudEvent | AnyEvent): Promise<void> {
  await tx.query(
    `WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended($2::text, 0)))
     INSERT INTO outbox (id, ordering_key, type, event)
     SELECT $1::uuid, $2::text, $3, $4 FROM locked
     RETURNING pg_notify('outbox_' || current_schema(), '')`,
    // The trace goes on from the row, whenever and by whichever replica it is published.
    [event.id, event.subject, event.type, JSON.stringify({ ...event, ...traceHeaders() })],
  );
}

export interface RelayOptions {
  readonly pool: Pool;
  readonly broker: Broker;
  readonly log: Logger;
  readonly metrics: Registry;
}

interface Row {
  readonly position: number;
  readonly id: string;
  readonly ordering_key: string;
  readonly type: string;
  readonly event: string;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
}

const BATCH = 200;
const POLL_MS = 1_000;

/**
 * Publishes what the outbox holds, in order per key, and deletes a row after its confirm.
 * Of all replicas the one that holds the lock does it; when its session ends, another takes over.
 */
export function startRelay(options: RelayOptions): AsyncDisposable {
  const stopping = new AbortController();
  measure(options);
  const loop = relay(options, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await loop;
    },
  };
}

async function relay(options: RelayOptions, signal: AbortSignal): Promise<void> {
  const report = atMostEvery(10_000, (err) =>
    options.log.warn({ event: 'outbox_waits', err }, 'Events wait in the outbox'),
  );
  while (!signal.aborted) {
    try {
      const client = await options.pool.connect();
      try {
        await relayOn(client, options, signal);
      } finally {
        // The session holds the lock and listens, so it is not given back for other uses.
        client.release(true);
      }
    } catch (error) {
      report(error);
      await pause(POLL_MS, signal);
    }
  }
}

async function relayOn(client: pg.PoolClient, { broker }: RelayOptions, signal: AbortSignal): Promise<void> {
  let wake = Promise.withResolvers<undefined>();
  let failed: Error | undefined;
  client.on('notification', () => wake.resolve(undefined));
  client.on('error', (error) => {
    failed = error;
    wake.resolve(undefined);
  });
  signal.addEventListener('abort', () => wake.resolve(undefined), { once: true });

  const { rows } = await client.query<{ schema: string }>('SELECT current_schema() AS schema');
  const schema = rows[0]?.schema ?? '';
  await client.query(`LISTEN "outbox_${schema}"`);
  let leading = false;
  while (!signal.aborted && !failed) {
    wake = Promise.withResolvers<undefined>();
    leading ||= await tryLead(client, schema);
    const published = leading && broker.connected() ? await publishBatch(client, broker) : 0;
    if (published < BATCH) await Promise.race([wake.promise, pause(POLL_MS, signal)]);
  }
  if (failed) throw failed;
}

async function tryLead(client: pg.PoolClient, schema: string): Promise<boolean> {
  const { rows } = await client.query<{ leading: boolean }>(
    'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS leading',
    [`collab.outbox.${schema}`],
  );
  return rows[0]?.leading === true;
}

/** Publishes the oldest rows; answers how many left the outbox. */
async function publishBatch(client: pg.PoolClient, broker: Broker): Promise<number> {
  const { rows } = await client.query<Row>(
    `SELECT position, id, ordering_key, type, event::text AS event, event->>'traceparent' AS traceparent, event->>'tracestate' AS tracestate
     FROM outbox ORDER BY position LIMIT $1`,
    [BATCH],
  );
  const done: number[] = [];
  const stuck = new Set<string>();
  let failure: unknown;
  for (const wave of waves(rows)) {
    const sent = wave.filter((row) => !stuck.has(row.ordering_key));
    const outcomes = await Promise.allSettled(sent.map((row) => withTrace({ ...row }, () => publish(broker, row))));
    outcomes.forEach((outcome, index) => {
      const row = sent[index];
      if (!row) return;
      if (outcome.status === 'fulfilled') done.push(row.position);
      else {
        stuck.add(row.ordering_key);
        failure = outcome.reason;
      }
    });
  }
  if (done.length > 0) await client.query('DELETE FROM outbox WHERE position = ANY($1::bigint[])', [done]);
  if (failure !== undefined && done.length === 0) throw isError(failure) ? failure : new Error('publishing failed');
  return done.length;
}

function publish(broker: Broker, { id, type, event }: Row): Promise<void> {
  return broker.publishConfirmed(EXCHANGE, type, event, { messageId: id });
}

/**
 * Splits rows so that no key is twice in a wave: within a wave confirms are pipelined, and a key's next event
 * goes out only after the one before was confirmed.
 */
export function waves<T extends { readonly ordering_key: string }>(rows: readonly T[]): readonly (readonly T[])[] {
  const result: T[][] = [];
  const next = new Map<string, number>();
  for (const row of rows) {
    const index = next.get(row.ordering_key) ?? 0;
    next.set(row.ordering_key, index + 1);
    (result[index] ??= []).push(row);
  }
  return result;
}

/** What is counted changes at every moment, so it is read for each scrape. */
const PROBE = { keepMs: 1_000, limitMs: 2_000 };

/** Absent while the database can't tell: a number that has stopped moving would look like a healthy one. */
function measure({ pool, metrics }: RelayOptions): void {
  const read = createProbe(async () => {
    const { rows } = await pool.query<{ pending: number; oldest: number }>(
      `SELECT count(*)::int AS pending, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest
       FROM outbox`,
    );
    return rows[0];
  }, PROBE);
  const gauge = (name: string, help: string, pick: (waiting: { pending: number; oldest: number }) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [metrics],
      async collect() {
        const waiting = await read();
        if (waiting) this.set(pick(waiting));
        else this.remove();
      },
    });
  gauge('collab_outbox_pending', 'Events that wait to be published', ({ pending }) => pending);
  gauge('collab_outbox_oldest_seconds', 'Age of the oldest event that waits to be published', ({ oldest }) => oldest);
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
}
