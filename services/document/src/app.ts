import { randomUUID } from 'node:crypto';
import { documentRoutes, makeEvent, QUEUES } from '@collabeditor/contracts';
import {
  acceptPeers,
  type App,
  appendEvent,
  type Clock,
  createBroker,
  createHttpApp,
  createPeerClient,
  createPool,
  createVerifier,
  currentTraceparent,
  measureStores,
  type Mounted,
  type Pool,
  type Runtime,
  type ServiceDefinition,
  startRelay,
  transaction,
} from '@collabeditor/kit';
import { type Config, fields } from './config.ts';
import { consume } from './consumer.ts';
import type { Context } from './context.ts';
import { idempotent } from './idempotency.ts';
import { mountPage } from './page.ts';
import { createTextService, createUserService, type TextService, type UserService } from './peers.ts';
import { contentHandlers } from './routes/content.ts';
import { documentHandlers } from './routes/documents.ts';
import { linkHandlers } from './routes/links.ts';
import { peerHandlers } from './routes/peer.ts';
import { sharingHandlers } from './routes/sharing.ts';
import { startSweeping } from './trash.ts';

export const definition: ServiceDefinition<typeof fields> = {
  name: 'document',
  schema: 'documents',
  migrations: new URL('../migrations/', import.meta.url),
  fields,
  create: createApp,
};

const page = new URL('../public/index.html', import.meta.url);

/** As many as leave the pod below 500 series when every metric has all that it can have. */
const REQUEST_KINDS = 34;

async function createApp(config: Config, runtime: Runtime): Promise<App> {
  const { log, metrics, clock } = runtime;
  const ca = config.DATABASE_CA_FILE?.content;
  const pool = createPool(config.DATABASE_URL, { schema: definition.schema, log, ca });
  const broker = createBroker({ url: config.AMQP_URL, log, ca: config.AMQP_CA_FILE?.content, name: definition.name });
  const peer = (name: string, baseUrl: string) =>
    createPeerClient({ name, baseUrl, serviceToken: config.SERVICE_TOKEN });
  const users = peer('user', config.USER_SERVICE_URL);
  const texts = peer('realtime', config.REALTIME_SERVICE_URL);
  const context = createContext(pool, createUserService(users), createTextService(texts, log), clock);
  const jwksUrl = new URL('/auth/.well-known/jwks.json', config.USER_SERVICE_URL).href;
  const verifier = createVerifier({ issuer: config.ISSUER, jwksUrl, log, clock });
  const database = { url: config.DATABASE_URL, schema: definition.schema, ca };
  const stores = measureStores({ metrics, log, database, pools: [pool], broker });
  const relay = startRelay({ pool, broker, log, metrics });
  const sweeping = startSweeping(context, { intervalMs: config.TRASH_SWEEP_INTERVAL, log });
  broker.consume({ queue: QUEUES.documents, prefetch: 20 }, (event) => consume(context, event));

  const http = { verifier, metrics, requestKinds: REQUEST_KINDS, log };
  return {
    public: createHttpApp({
      ...http,
      routes: publicHandlers(context),
      allowedOrigins: config.ALLOWED_ORIGINS,
      extra: (app) => mountPage(app, page),
    }),
    internal: createHttpApp({
      ...http,
      routes: peerHandlers(context),
      peers: acceptPeers({ realtime: config.PEER_TOKEN_REALTIME }),
    }),
    ready: () => true,
    async [Symbol.asyncDispose]() {
      await sweeping[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      await Promise.all([verifier, users, texts].map((one) => one[Symbol.asyncDispose]()));
      await Promise.all([pool.end(), stores[Symbol.asyncDispose]()]);
    },
  };
}

function createContext(pool: Pool, users: UserService, texts: TextService, clock: Clock): Context {
  const now = (): Date => new Date(clock.now());
  return {
    db: pool,
    users,
    texts,
    now,
    newId: () => randomUUID(),
    transaction: (work) => transaction(pool, work),
    announce: (tx, type, subject, data) => {
      const traceparent = currentTraceparent();
      const event = {
        id: randomUUID(),
        time: now(),
        type,
        source: '/collabeditor/document',
        subject,
        data,
        traceparent,
      };
      return appendEvent(tx, makeEvent(event));
    },
  };
}

/** A new link's token is told once and not kept, so a repeated request for one makes another instead. */
const neverKept: ReadonlySet<unknown> = new Set([documentRoutes.createLink]);

function publicHandlers(context: Context): readonly Mounted[] {
  return [
    ...documentHandlers(context),
    ...sharingHandlers(context),
    ...linkHandlers(context),
    ...contentHandlers(context),
  ].map((mounted) =>
    mounted.route.method === 'post' && !neverKept.has(mounted.route) ? idempotent(context, mounted) : mounted,
  );
}
