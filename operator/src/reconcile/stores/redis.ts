import { Redis } from 'ioredis';
import type { Check } from '../../status/observed.ts';
import { failed, ok, type CacheRequest } from './ports.ts';

const TIMEOUT_MS = 5_000;

/** Asks Redis whether it is there and sets the services' accounts. */
export async function setUpCache(request: CacheRequest): Promise<Check> {
  return withRedis(request, async (redis) => {
    await redis.ping();
    for (const { account, rights } of request.accounts) {
      await redis.call('ACL', 'SETUSER', account.user, 'reset', 'on', `>${account.password}`, ...rights);
    }
    return ok(request.accounts.length === 0, 'Redis user');
  });
}

/** Takes the services' accounts away. Their keys expire by themselves. */
export async function dropCache(request: CacheRequest): Promise<Check> {
  return withRedis(request, async (redis) => {
    for (const { account } of request.accounts) await redis.call('ACL', 'DELUSER', account.user);
    return { state: 'ok' };
  });
}

async function withRedis(request: CacheRequest, work: (redis: Redis) => Promise<Check>): Promise<Check> {
  const redis = new Redis(request.uri, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectionName: 'collabeditor-operator',
    ...(request.ca !== undefined && { tls: { ca: request.ca } }),
  });
  // Of the reasons why no connection came about the driver tells only here.
  let cause: unknown;
  redis.on('error', (error: unknown) => {
    cause = error;
  });
  try {
    await redis.connect();
    return await work(redis);
  } catch (error) {
    return redisProblem(cause ?? error);
  } finally {
    redis.disconnect();
  }
}

function redisProblem(error: unknown): Check {
  const message = error instanceof Error ? error.message : '';
  if (/WRONGPASS|NOAUTH|NOPERM/.test(message)) {
    return failed('AuthenticationFailed', 'Redis refused the credentials, or their rights do not suffice.');
  }
  if (message.includes('LOADING')) return { state: 'waiting' };
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
  return failed('Unreachable', `Redis can't be reached (${code}).`);
}
