import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type AnyEvent, EXCHANGE, parseEvent } from '@collabeditor/contracts';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Logger } from './log.ts';
import { type SpanOptions, withSpan, withTrace } from './trace.ts';

/** `ack`: done. `retry`: later again, nothing is lost. `reject`: never again (to the dead letters where the queue has them). */
export type Verdict = 'ack' | 'retry' | 'reject';
export type Handler = (event: AnyEvent, raw: ConsumeMessage) => Promise<Verdict>;

export interface ConsumeOptions {
  readonly queue: string;
  /** How many events are handled at once. */
  readonly prefetch: number;
  /** Judges what is no event that this release knows; without it such a message is rejected. */
  readonly otherwise?: (raw: ConsumeMessage) => Promise<Verdict>;
}

export interface ExclusiveOptions {
  /** Binding patterns on the exchange of events. */
  readonly bindings: readonly string[];
  /** Start of the queue's name; the rest is random. */
  readonly prefix: string;
  /** Called at each connection once events arrive, to re-read what was missed before. */
  readonly onConnected?: () => void;
}

interface Surroundings {
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Consumes until the channel closes or the signal fires; in the latter case the handlers under way are waited for. */
export async function runConsumer(
  connection: ChannelModel,
  options: ConsumeOptions,
  handler: Handler,
  surroundings: Surroundings,
): Promise<void> {
  const channel = await connection.createChannel();
  await serve(
    channel,
    surroundings,
    async (deliver) => {
      await channel.prefetch(options.prefetch);
      return (await channel.consume(options.queue, deliver)).consumerTag;
    },
    (message) => judge(message, options.queue, { ...surroundings, handler, otherwise: options.otherwise }),
  );
}

export async function runExclusiveConsumer(
  connection: ChannelModel,
  options: ExclusiveOptions,
  handler: Handler,
  surroundings: Surroundings,
): Promise<void> {
  const channel = await connection.createChannel();
  await serve(
    channel,
    surroundings,
    async (deliver) => {
      const queue = `${options.prefix}.${randomUUID()}`;
      await channel.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false });
      for (const pattern of options.bindings) await channel.bindQueue(queue, EXCHANGE, pattern);
      await channel.prefetch(200);
      const { consumerTag } = await channel.consume(queue, deliver);
      options.onConnected?.();
      return consumerTag;
    },
    (message) => judge(message, options.prefix, { ...surroundings, handler, otherwise: undefined }),
  );
}

async function serve(
  channel: Channel,
  { log, signal }: Surroundings,
  subscribe: (deliver: (message: ConsumeMessage | null) => void) => Promise<string>,
  judgeMessage: (message: ConsumeMessage) => Promise<Verdict>,
): Promise<void> {
  const closed = Promise.withResolvers<undefined>();
  let open = true;
  const isOpen = (): boolean => open;
  const end = (): void => {
    open = false;
    closed.resolve(undefined);
  };
  channel.once('close', end);
  channel.on('error', (err) => {
    log.warn({ event: 'consumer_cut_off', err }, 'A consumer was cut off and comes back on a new channel');
    end();
  });
  const busy = new Set<Promise<void>>();
  let failures = 0;

  const handle = async (message: ConsumeMessage): Promise<void> => {
    const verdict = await judgeMessage(message);
    failures = verdict === 'retry' ? failures + 1 : 0;
    if (verdict === 'retry') await pause(failures, signal);
    if (!isOpen()) return;
    if (verdict === 'ack') channel.ack(message);
    else channel.nack(message, false, verdict === 'retry');
  };
  try {
    const tag = await subscribe((message) => {
      // The broker cancels a consumer whose queue was deleted; a new channel finds the one that replaces it.
      if (message === null) {
        end();
        return;
      }
      if (signal.aborted) return;
      const work = handle(message).finally(() => busy.delete(work));
      busy.add(work);
    });
    const stop = (): void => closed.resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    await closed.promise;
    signal.removeEventListener('abort', stop);
    if (signal.aborted && isOpen()) await channel.cancel(tag);
    await Promise.allSettled(busy);
  } finally {
    open = false;
    await channel.close().catch(() => undefined);
  }
}

interface Judging extends Surroundings {
  readonly handler: Handler;
  readonly otherwise: ConsumeOptions['otherwise'];
}

/** `source` names the queue, or what all queues of its kind begin with. */
async function judge(message: ConsumeMessage, source: string, judging: Judging): Promise<Verdict> {
  const event = parseEvent(message.content.toString('utf8'));
  // The header tells the last hop, the event where it began.
  const headers = { ...event, ...message.properties.headers };
  return withTrace(headers, () =>
    withSpan(
      () => processing(message, event, source),
      async (span) => {
        const verdict = await judgeEvent(message, event, judging);
        span.set({ 'collab.verdict': verdict });
        return verdict;
      },
    ),
  );
}

async function judgeEvent(
  message: ConsumeMessage,
  event: AnyEvent | null,
  { log, handler, otherwise }: Judging,
): Promise<Verdict> {
  if (event === null && !otherwise) {
    const { routingKey } = message.fields;
    log.warn({ event: 'message_rejected', routingKey }, 'A message that is no event was rejected');
    return 'reject';
  }
  try {
    if (event) return await handler(event, message);
    return otherwise ? await otherwise(message) : 'reject';
  } catch (err) {
    log.error(
      { event: 'event_failed', err, eventId: event?.id, eventType: event?.type },
      'An event could not be handled and is tried again',
    );
    return 'retry';
  }
}

function processing(message: ConsumeMessage, event: AnyEvent | null, source: string): SpanOptions {
  return {
    name: `process ${source}`,
    kind: 'consumer',
    attributes: {
      'messaging.system': 'rabbitmq',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': source,
      ...(event === null
        ? {}
        : { 'messaging.rabbitmq.destination.routing_key': event.type, 'messaging.message.id': event.id }),
      'messaging.message.body.size': message.content.length,
    },
  };
}

async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const milliseconds = Math.min(500 * 2 ** (failures - 1), 30_000);
  await delay(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
}
