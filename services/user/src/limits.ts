import { createHash } from 'node:crypto';
import { atMostEvery, type Logger, Problem, type Redis } from '@collabeditor/kit';

interface Limit {
  readonly name: string;
  readonly max: number;
  readonly windowMs: number;
}

/**
 * Counts in Redis, so that all replicas share one count. While Redis is away nothing is limited: people must be able to
 * sign in, and the cost of a password hash is a limit of its own.
 */
export interface Limits {
  /** Throws `rate_limited` once `max` was counted in the window. */
  check(limit: Limit, subject: string): Promise<void>;
  /** Counts one; answers whether it was still within the limit. */
  count(limit: Limit, subject: string): Promise<boolean>;
}

export function createLimits(redis: Redis, log: Logger): Limits {
  const report = atMostEvery(60_000, (err) =>
    log.warn({ event: 'limits_suspended', err }, 'Limits are not enforced while Redis is away'),
  );
  const open = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Problem) throw error;
      report(error);
      return otherwise;
    }
  };
  return {
    check: (limit, subject) =>
      open(async () => {
        const key = keyOf(limit, subject);
        if (Number((await redis.get(key)) ?? 0) < limit.max) return;
        const seconds = Math.max(1, Math.ceil((await redis.pttl(key)) / 1000));
        throw new Problem('rate_limited', `Try again in ${seconds} s`, { headers: { 'Retry-After': String(seconds) } });
      }, undefined),
    count: (limit, subject) =>
      open(async () => {
        const key = keyOf(limit, subject);
        // The first of a window sets its end; counting leaves the end as it is.
        await redis.set(key, 0, 'PX', limit.windowMs, 'NX');
        return (await redis.incr(key)) <= limit.max;
      }, true),
  };
}

/** Addresses are hashed: a cache needs no list of users. */
function keyOf(limit: Limit, subject: string): string {
  return `user:${limit.name}:${createHash('sha256').update(subject).digest('base64url')}`;
}
