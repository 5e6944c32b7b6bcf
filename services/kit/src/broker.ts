import { setTimeout as delay } from 'node:timers/promises';
import { type ChannelModel, connect } from 'amqplib';
import { atMostEvery, type Logger } from './log.ts';
import { watchStore } from './outage.ts';
import {
  type ConsumeOptions,
  type ExclusiveOptions,
  type Handler,
  runConsumer,
  runExclusiveConsumer,
} from './consumer.ts';
import { isError } from './problem.ts';
import { createPublisher, type PublishOptions } from './publisher.ts';
import { type SpanOptions, withSpan } from './trace.ts';

export interface BrokerOptions {
  readonly url: string;
  readonly log: Logger;
  readonly ca?: string | undefined;
  /** Name of the connection in the broker's overview. */
  readonly name?: string;
}

/** One connection, made in the background and made anew when it breaks; consumers come back with it. */
export interface Broker extends AsyncDisposable {
  /** Whether a message would be taken now. */
  connected(): boolean;
  /** Resolves when the broker has taken the message over; rejects when it did not or can't say. An empty exchange takes a queue's name as key. */
  publishConfirmed(
    exchange: string,
    key: string,
    message: Buffer | string | object,
    options?: PublishOptions,
  ): Promise<void>;
  /** Consumes a durable queue for as long as the broker object lives. What is no event of ours is rejected. */
  consume(options: ConsumeOptions, handler: Handler): void;
  /** Consumes an exclusive queue of this process, which starts empty at each connection. */
  consumeExclusive(options: ExclusiveOptions, handler: Handler): void;
}

/** Something that is started on each connection and returns when its channel is closed. */
type Task = (connection: ChannelModel, signal: AbortSignal) => Promise<void>;

export function createBroker(options: BrokerOptions): Broker {
  const { log } = options;
  const stopping = new AbortController();
  const tasks = new Set<Task>();
  const publisher = createPublisher();
  const running = new Set<Promise<void>>();
  let connection: ChannelModel | undefined;
  const reportTask = atMostEvery(10_000, (err) =>
    log.warn({ event: 'channel_broken', err }, 'A channel to the broker broke and is made anew'),
  );

  const start = (task: Task, on: ChannelModel): void => {
    const run = keepRunning(task, on).finally(() => running.delete(run));
    running.add(run);
  };
  const keepRunning = async (task: Task, on: ChannelModel): Promise<void> => {
    while (connection === on && !stopping.signal.aborted) {
      try {
        await task(on, stopping.signal);
      } catch (error) {
        reportTask(error);
      }
      // A queue that is not declared yet closes the channel at once.
      if (connection === on)
        await delay(1_000, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  };
  const add = (task: Task): void => {
    tasks.add(task);
    if (connection) start(task, connection);
  };
  add((on) => publisher.run(on));

  const loop = stayConnected(options, stopping.signal, (now) => {
    connection = now;
    if (now) for (const task of tasks) start(task, now);
  });

  return {
    connected: () => connection !== undefined && publisher.isOpen(),
    publishConfirmed: (exchange, key, message, publishOptions) =>
      withSpan(
        () => publication(exchange, key, publishOptions),
        () => publisher.publish(exchange, key, message, publishOptions),
      ),
    consume: (consumeOptions, handler) =>
      add((on, signal) => runConsumer(on, consumeOptions, handler, { log, signal })),
    consumeExclusive: (exclusiveOptions, handler) =>
      add((on, signal) => runExclusiveConsumer(on, exclusiveOptions, handler, { log, signal })),
    async [Symbol.asyncDispose]() {
      const last = connection;
      stopping.abort();
      publisher.stop();
      await Promise.race([Promise.allSettled(running), delay(10_000, undefined, { ref: false })]);
      connection = undefined;
      await last?.close().catch(() => undefined);
      await loop;
    },
  };
}

async function stayConnected(
  options: BrokerOptions,
  signal: AbortSignal,
  changed: (connection: ChannelModel | undefined) => void,
): Promise<void> {
  const watch = watchStore(options.log, 'broker');
  const stopped = (): boolean => signal.aborted;
  for (let wait = 100; !stopped(); wait = Math.min(wait * 2, 5_000)) {
    try {
      const connection = await connect(withHeartbeat(options.url), {
        timeout: 10_000,
        noDelay: true,
        ...(options.ca === undefined ? {} : { ca: [options.ca] }),
        clientProperties: { connection_name: options.name ?? 'collab' },
      });
      const closed = new Promise<unknown>((resolve) => {
        connection.once('close', resolve);
        // 'close' follows; without a listener the process would end.
        connection.on('error', watch.failed);
      });
      if (stopped()) {
        await connection.close();
        return;
      }
      wait = 100;
      changed(connection);
      watch.works();
      options.log.debug({ event: 'broker_connected' }, 'Connected to the broker');
      const reason = await closed;
      changed(undefined);
      if (!stopped()) watch.failed(isError(reason) ? reason : new Error('the broker closed the connection'));
    } catch (error) {
      watch.failed(error);
    }
    await delay(wait * (0.75 + Math.random() / 2), undefined, { signal, ref: false }).catch(() => undefined);
  }
}

function publication(exchange: string, key: string, options: PublishOptions | undefined): SpanOptions {
  // Without an exchange the key is the name of a queue, of which there are few.
  const destination = exchange === '' ? key : exchange;
  return {
    name: `publish ${destination}`,
    kind: 'producer',
    attributes: {
      'messaging.system': 'rabbitmq',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'publish',
      'messaging.destination.name': destination,
      'messaging.rabbitmq.destination.routing_key': key,
      ...(options?.messageId === undefined ? {} : { 'messaging.message.id': options.messageId }),
    },
  };
}

function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', '15');
  return parsed.href;
}
