import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AnyEvent, EXCHANGE, makeEvent, QUEUES } from '@collabeditor/contracts';
import { Registry } from 'prom-client';
import { eventually } from '../../../test/harness/eventually.ts';
import { freshDatabase, freshVhost, type FreshVhost } from '../../../test/harness/fresh.ts';
import { proxied } from '../../../test/harness/proxy.ts';
import { type Broker, createBroker } from './broker.ts';
import type { Verdict } from './consumer.ts';
import { createLogger } from './log.ts';
import { appendEvent, startRelay } from './outbox.ts';
import { createPool, type Pool, transaction } from './postgres.ts';
import { traceHeaders, withTrace } from './trace.ts';

const log = createLogger({ service: 'test', pod: 'p', level: 'silent' });
const stack: (() => PromiseLike<unknown>)[] = [];
let vhost: FreshVhost;

beforeEach(async () => {
  vhost = await freshVhost();
  stack.push(() => vhost[Symbol.asyncDispose]());
});
afterEach(async () => {
  for (const end of stack.splice(0).reverse()) await end();
});

function own<T extends AsyncDisposable>(one: T): T {
  stack.push(() => one[Symbol.asyncDispose]());
  return one;
}

function connectBroker(url = vhost.amqpUrl): Broker {
  return own(createBroker({ url, log }));
}

async function outbox(): Promise<Pool> {
  const database = own(await freshDatabase('things'));
  const pool = createPool(database.url, { schema: 'things', log });
  stack.push(() => pool.end());
  await pool.query(`CREATE TABLE outbox (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL UNIQUE,
    ordering_key text NOT NULL, type text NOT NULL, event jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`);
  return pool;
}

function deleted(subject: string): AnyEvent {
  return makeEvent({
    id: randomUUID(),
    time: new Date(),
    type: 'user.deleted',
    source: '/collabeditor/test',
    subject,
    data: { userId: randomUUID() },
  });
}

/** Events of the queue `documents`, as they arrive. */
function collect(broker: Broker, verdict: (event: AnyEvent) => Verdict = () => 'ack'): AnyEvent[] {
  const seen: AnyEvent[] = [];
  broker.consume({ queue: QUEUES.documents, prefetch: 1 }, async (event) => {
    seen.push(event);
    return verdict(event);
  });
  return seen;
}

const ids = (events: readonly AnyEvent[]) => events.map(({ id }) => id);
const remaining = async (pool: Pool) =>
  (await pool.query<{ n: number }>('SELECT count(*) AS n FROM outbox')).rows[0]?.n;
const relayOf = (pool: Pool, broker: Broker, metrics = new Registry()) => startRelay({ pool, broker, log, metrics });

describe('the outbox', () => {
  it('[KI60] publishes what was committed, and only that', async () => {
    const pool = await outbox();
    const broker = connectBroker();
    const seen = collect(broker);
    own(relayOf(pool, broker));
    const [kept, dropped, last] = [deleted('a'), deleted('a'), deleted('a')];
    await transaction(pool, (tx) => appendEvent(tx, kept));
    await transaction(pool, async (tx) => {
      await appendEvent(tx, dropped);
      throw new Error('rolled back');
    }).catch(() => undefined);
    await transaction(pool, (tx) => appendEvent(tx, last));
    await eventually(() => expect(seen).toEqual([kept, last]));
    await eventually(async () => expect(await remaining(pool)).toBe(0));
  });

  it('[KI61] keeps the order of a key, whoever writes at the same time', async () => {
    const pool = await outbox();
    const broker = connectBroker();
    const seen = collect(broker);
    own(relayOf(pool, broker));
    await pool.query('CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)');
    // What an event says is decided after its position's lock is held, so the numbers must arrive in order.
    const write = () =>
      transaction(pool, async (tx) => {
        await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('k', 0))`);
        const { rows } = await tx.query<{ n: number }>('UPDATE counter SET n = n + 1 RETURNING n');
        await appendEvent(tx, { ...deleted('k'), source: `/${rows[0]?.n ?? 0}` });
      });
    await Promise.all(Array.from({ length: 40 }, write));
    await eventually(() =>
      expect(seen.map(({ source }) => source)).toEqual(Array.from({ length: 40 }, (_, i) => `/${i + 1}`)),
    );
  });

  it('[KI62] is emptied by one relay, and by the next when that ends', async () => {
    const pool = await outbox();
    const broker = connectBroker();
    const seen = collect(broker);
    const first = relayOf(pool, broker);
    await eventually(async () => expect(await locks(pool)).toBe(1));
    own(relayOf(pool, broker));
    const before = deleted('a');
    await transaction(pool, (tx) => appendEvent(tx, before));
    await eventually(() => expect(ids(seen)).toEqual([before.id]));
    expect(await locks(pool)).toBe(1);
    await first[Symbol.asyncDispose]();
    const after = deleted('a');
    await transaction(pool, (tx) => appendEvent(tx, after));
    await eventually(() => expect(ids(seen)).toEqual([before.id, after.id]));
  });

  it('[KI63] waits for the broker, and says so', async () => {
    const pool = await outbox();
    const { url, proxy } = await proxied(vhost.amqpUrl);
    own(proxy);
    const metrics = new Registry();
    const broker = connectBroker(url);
    own(relayOf(pool, broker, metrics));
    const event = deleted('a');
    await transaction(pool, (tx) => appendEvent(tx, event));
    await eventually(async () => {
      const text = await metrics.metrics();
      expect(text).toContain('collab_outbox_pending 1');
      expect(/collab_outbox_oldest_seconds (0\.\d+|[1-9])/.test(text)).toBe(true);
    });
    const seen = collect(connectBroker());
    await proxy.up();
    await eventually(() => expect(ids(seen)).toEqual([event.id]));
    await eventually(async () => expect(await metrics.metrics()).toContain('collab_outbox_pending 0'));
  });
});

async function locks(pool: Pool): Promise<unknown> {
  const { rows } = await pool.query<{ n: number }>(
    `SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  return rows[0]?.n;
}

it('[KI70, KI71] a trace goes on unchanged through outbox and broker, and baggage does not', async () => {
  const pool = await outbox();
  const broker = connectBroker();
  const seen: unknown[] = [];
  broker.consume({ queue: QUEUES.documents, prefetch: 1 }, async (event, { properties }) => {
    seen.push([event.id, traceHeaders(), properties.headers]);
    return 'ack';
  });
  own(relayOf(pool, broker));
  const trace = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`, tracestate: 'a=1,b=2' };
  const [traced, untraced] = [deleted('a'), deleted('a')];
  await withTrace({ ...trace, baggage: 'c=3' }, () => transaction(pool, (tx) => appendEvent(tx, traced)));
  await transaction(pool, (tx) => appendEvent(tx, untraced));
  await eventually(() => expect(seen).toHaveLength(2));
  expect(seen).toEqual([
    [traced.id, trace, trace],
    [untraced.id, {}, {}],
  ]);
});

describe('a consumer', () => {
  const publish = (broker: Broker, event: AnyEvent) =>
    eventually(() => broker.publishConfirmed(EXCHANGE, event.type, event, { messageId: event.id }));

  it('[KI64] sees a retried event again, a rejected one not, and never what is no event', async () => {
    const broker = connectBroker();
    const [retried, rejected, thrown, last] = [deleted('a'), deleted('b'), deleted('c'), deleted('d')];
    const attempts = new Map<string, number>();
    const seen = collect(broker, (event) => {
      const attempt = (attempts.get(event.id) ?? 0) + 1;
      attempts.set(event.id, attempt);
      if (event.id === rejected.id) return 'reject';
      if (event.id === thrown.id && attempt === 1) throw new Error('a bug');
      return event.id === retried.id && attempt < 3 ? 'retry' : 'ack';
    });
    await publish(broker, retried);
    await publish(broker, rejected);
    await broker.publishConfirmed(EXCHANGE, 'user.deleted', '{"no":"event"}');
    await publish(broker, thrown);
    await publish(broker, last);
    await eventually(() => {
      expect(attempts.get(retried.id)).toBe(3);
      expect(attempts.get(thrown.id)).toBe(2);
      expect(attempts.get(last.id)).toBe(1);
    });
    expect(attempts.get(rejected.id)).toBe(1);
    expect(seen).toHaveLength(7);
  });

  it('[KI65] comes back after the connection broke', async () => {
    const { url, proxy } = await proxied(vhost.amqpUrl);
    own(proxy);
    await proxy.up();
    const broker = connectBroker(url);
    const seen = collect(broker);
    const own1: AnyEvent[] = [];
    let connections = 0;
    broker.consumeExclusive(
      { prefix: 'realtime', bindings: ['user.*'], onConnected: () => connections++ },
      async (event) => {
        own1.push(event);
        return 'ack';
      },
    );
    await eventually(() => expect(connections).toBe(1));
    const before = deleted('a');
    await publish(broker, before);
    await eventually(() => expect([ids(seen), ids(own1)]).toEqual([[before.id], [before.id]]));

    await proxy.down();
    await eventually(() => expect(broker.connected()).toBe(false));
    await proxy.up();
    await eventually(() => expect(connections).toBe(2));
    const after = deleted('a');
    await publish(broker, after);
    await eventually(() => expect([ids(seen).at(-1), ids(own1).at(-1)]).toEqual([after.id, after.id]));
  });
});
