import { randomUUID } from 'node:crypto';
import { makeEvent, QUEUES } from '@collabeditor/contracts';
import {
  acceptPeers,
  type App,
  appendEvent,
  createBroker,
  createHttpApp,
  createPool,
  createRedis,
  createVerifier,
  currentTraceparent,
  measureStores,
  type Runtime,
  type ServiceDefinition,
  startRelay,
  transaction,
} from '@collabeditor/kit';
import { type Config, fields } from './config.ts';
import { consume } from './consumer.ts';
import type { Context } from './context.ts';
import { createLimits } from './limits.ts';
import { createPasswords } from './passwords.ts';
import { accountHandlers } from './routes/accounts.ts';
import { passwordHandlers } from './routes/passwords.ts';
import { peerHandlers } from './routes/peer.ts';
import { sessionHandlers } from './routes/sessions.ts';
import { followSigningKeys, measureSigningKey } from './signing-keys.ts';
import { measureStoreUse } from './store-stats.ts';
import { startSweeping } from './sweep.ts';

export const definition: ServiceDefinition<typeof fields> = {
  name: 'user',
  schema: 'users',
  migrations: new URL('../migrations/', import.meta.url),
  fields,
  create: createApp,
};

/** As many as leave the pod below 500 series when every metric has all that it can have. */
const REQUEST_KINDS = 33;

async function createApp(config: Config, { log, metrics, clock }: Runtime): Promise<App> {
  const { name, schema } = definition;
  const ca = config.DATABASE_CA_FILE?.content;
  const pool = createPool(config.DATABASE_URL, { schema, log, ca });
  const redis = createRedis({ url: config.REDIS_URL, log, ca: config.REDIS_CA_FILE?.content });
  const broker = createBroker({ url: config.AMQP_URL, log, ca: config.AMQP_CA_FILE?.content, name });
  const keys = followSigningKeys(config.SIGNING_KEYS_FILE, config.SIGNING_KEYS_POLL, log);
  measureSigningKey(metrics, keys);
  const database = { url: config.DATABASE_URL, schema, ca };
  const stores = measureStores({ metrics, log, database, pools: [pool], broker, redis: [redis] });
  measureStoreUse(metrics, stores.pool, redis);
  const now = (): Date => new Date(clock.now());
  const context: Context = {
    config,
    db: pool,
    passwords: createPasswords(),
    limits: createLimits(redis, log),
    keys,
    now,
    newId: () => randomUUID(),
    transaction: (work) => transaction(pool, work),
    announce: (tx, type, subject, data) => {
      const source = `/collabeditor/${name}`;
      return appendEvent(
        tx,
        makeEvent({ id: randomUUID(), time: now(), type, source, subject, data, traceparent: currentTraceparent() }),
      );
    },
  };
  const verifier = createVerifier({ issuer: config.ISSUER, keys: () => keys.current().published, log, clock });
  const relay = startRelay({ pool, broker, log, metrics });
  const sweeping = startSweeping(context, log);
  broker.consume({ queue: QUEUES.users, prefetch: 10 }, (event) => consume(context, event));

  const routes = [...accountHandlers(context), ...sessionHandlers(context), ...passwordHandlers(context)];
  const peers = acceptPeers({
    document: config.PEER_TOKEN_DOCUMENT,
    realtime: config.PEER_TOKEN_REALTIME,
    notification: config.PEER_TOKEN_NOTIFICATION,
  });
  const http = { verifier, metrics, requestKinds: REQUEST_KINDS, log };
  return {
    public: createHttpApp({ ...http, routes, allowedOrigins: config.ALLOWED_ORIGINS }),
    internal: createHttpApp({ ...http, routes: peerHandlers(context), peers }),
    ready: () => true,
    async [Symbol.asyncDispose]() {
      sweeping[Symbol.dispose]();
      await relay[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      await verifier[Symbol.asyncDispose]();
      keys[Symbol.dispose]();
      redis.disconnect();
      await Promise.all([pool.end(), stores[Symbol.asyncDispose]()]);
    },
  };
}
