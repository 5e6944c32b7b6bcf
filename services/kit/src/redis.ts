import { Redis } from 'ioredis';
import type { Logger } from './log.ts';
import { watchStore } from './outage.ts';

export type { Redis } from 'ioredis';

export interface RedisSettings {
  readonly url: string;
  readonly log: Logger;
  readonly ca?: string | undefined;
  /** A connection that only subscribes: it takes its channels up again by itself after each reconnection. */
  readonly subscriber?: boolean;
}

/**
 * A connection that is made in the background and made anew when it breaks.
 * While it is away commands fail at once: Redis is an aid, and whoever asks it goes on without.
 */
export function createRedis(settings: RedisSettings): Redis {
  const redis = new Redis(settings.url, {
    connectTimeout: 5_000,
    ...(settings.subscriber === true
      ? { maxRetriesPerRequest: null }
      : { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: 5_000 }),
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
    ...(settings.ca === undefined ? {} : { tls: { ca: settings.ca } }),
  });
  const watch = watchStore(settings.log, 'redis');
  redis.on('error', watch.failed);
  redis.on('ready', watch.works);
  return redis;
}
