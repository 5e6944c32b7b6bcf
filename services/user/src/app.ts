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
import { followSigningKeys } from './signing-keys.ts';
import { startSweeping } from './sweep.ts';

export const definition: ServiceDefinition<typeof fields> = {
  name: 'user',
  schema: 'users',
  migrations: new URL('../migrations/', import.meta.url),
  fields,
  create: createApp,
};

async function createApp(config: Config, { log, metrics, clock }: Runtime): Promise<App> {
  const { name, schema } = definition;
  const pool = createPool(config.DATABASE_URL, { schema, log, ca: config.DATABASE_CA_FILE?.content });
  const redis = createRedis({ url: config.REDIS_URL, log, ca: config.REDIS_CA_FILE?.content });
  const broker = createBroker({ url: config.AMQP_URL, log, ca: config.AMQP_CA_FILE?.content, name });
  const keys = followSigningKeys(config.SIGNING_KEYS_FILE, config.SIGNING_KEYS_POLL, log);
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
  return {
    public: createHttpApp({ routes, verifier, allowedOrigins: config.ALLOWED_ORIGINS, metrics, log }),
    internal: createHttpApp({ routes: peerHandlers(context), verifier, peers, metrics, log }),
    ready: () => true,
    async [Symbol.asyncDispose]() {
      sweeping[Symbol.dispose]();
      await relay[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      await verifier[Symbol.asyncDispose]();
      keys[Symbol.dispose]();
      redis.disconnect();
      await pool.end();
    },
  };
}
