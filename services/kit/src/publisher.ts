import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { unavailable } from './problem.ts';
import { traceHeaders } from './trace.ts';

export interface PublishOptions {
  readonly messageId?: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  /** Milliseconds after which a confirm that has not come counts as a failure. */
  readonly timeoutMs?: number;
}

export interface Publisher {
  run(connection: ChannelModel): Promise<void>;
  publish(exchange: string, key: string, message: Buffer | string | object, options?: PublishOptions): Promise<void>;
  isOpen(): boolean;
  stop(): void;
}

/** Publishes persistent messages on one confirm channel; each publish ends with the broker's own word on it. */
export function createPublisher(): Publisher {
  let channel: ConfirmChannel | undefined;
  const stopped = Promise.withResolvers<undefined>();

  return {
    async run(connection) {
      const opened = await connection.createConfirmChannel();
      const closed = new Promise<unknown>((resolve, reject) => {
        opened.once('close', () => resolve(undefined));
        opened.once('error', reject);
      });
      channel = opened;
      try {
        await Promise.race([closed, stopped.promise]);
      } finally {
        channel = undefined;
      }
    },
    publish: (exchange, key, message, options = {}) =>
      new Promise((resolve, reject) => {
        if (!channel) {
          reject(unavailable('The broker is away'));
          return;
        }
        const timer = setTimeout(
          () => reject(unavailable('The broker did not confirm in time')),
          options.timeoutMs ?? 10_000,
        );
        timer.unref();
        channel.publish(
          exchange,
          key,
          toBuffer(message),
          {
            persistent: true,
            contentType: options.contentType ?? 'application/cloudevents+json',
            ...(options.messageId === undefined ? {} : { messageId: options.messageId }),
            headers: { ...traceHeaders(), ...options.headers },
          },
          (error: unknown) => {
            clearTimeout(timer);
            if (error) reject(unavailable('The broker did not take the message', error));
            else resolve();
          },
        );
      }),
    isOpen: () => channel !== undefined,
    stop: () => stopped.resolve(undefined),
  };
}

function toBuffer(message: Buffer | string | object): Buffer {
  if (Buffer.isBuffer(message)) return message;
  return Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
}
