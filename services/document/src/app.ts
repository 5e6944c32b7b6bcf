import { randomUUID } from 'node:crypto';
import { makeEvent, QUEUES } from '@collabeditor/contracts';
import {
  acceptPeers,
  type App,
  appendEvent,
  createBroker,
  createHttpApp,
  createPeerClient,
  createPool,
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
import { mountPage } from './page.ts';
import { createTextService, createUserService } from './peers.ts';
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

async function createApp(config: Config, { log, metrics, clock }: Runtime): Promise<App> {
  const pool = createPool(config.DATABASE_URL, {
    schema: definition.schema,
    log,
    ca: config.DATABASE_CA_FILE?.content,
  });
  const broker = createBroker({ url: config.AMQP_URL, log, ca: config.AMQP_CA_FILE?.content, name: definition.name });
  const peer = (name: string, baseUrl: string) =>
    createPeerClient({ name, baseUrl, serviceToken: config.SERVICE_TOKEN });
  const users = peer('user', config.USER_SERVICE_URL);
  const texts = peer('realtime', config.REALTIME_SERVICE_URL);
  const context: Context = {
    db: pool,
    users: createUserService(users),
    texts: createTextService(texts, log),
    now: () => new Date(clock.now()),
    newId: () => randomUUID(),
    transaction: (work) => transaction(pool, work),
    announce: (tx, type, documentId, data) =>
      appendEvent(
        tx,
        makeEvent({
          id: randomUUID(),
          time: new Date(clock.now()),
          type,
          source: '/collabeditor/document',
          subject: documentId,
          data,
          traceparent: currentTraceparent(),
        }),
      ),
  };
  const jwksUrl = new URL('/auth/.well-known/jwks.json', config.USER_SERVICE_URL).href;
  const verifier = createVerifier({ issuer: config.ISSUER, jwksUrl, log, clock });
  const relay = startRelay({ pool, broker, log, metrics });
  const sweeping = startSweeping(context, { intervalMs: config.TRASH_SWEEP_INTERVAL, log });
  broker.consume({ queue: QUEUES.documents, prefetch: 20 }, (event) => consume(context, event));

  return {
    public: createHttpApp({
      routes: [
        ...documentHandlers(context),
        ...sharingHandlers(context),
        ...linkHandlers(context),
        ...contentHandlers(context),
      ],
      verifier,
      allowedOrigins: config.ALLOWED_ORIGINS,
      metrics,
      log,
      extra: (app) => mountPage(app, page),
    }),
    internal: createHttpApp({
      routes: peerHandlers(context),
      verifier,
      peers: acceptPeers({ realtime: config.PEER_TOKEN_REALTIME }),
      metrics,
      log,
    }),
    ready: () => true,
    async [Symbol.asyncDispose]() {
      await sweeping[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      await Promise.all([verifier, users, texts].map((one) => one[Symbol.asyncDispose]()));
      await pool.end();
    },
  };
}
