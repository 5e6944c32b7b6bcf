import { randomUUID } from 'node:crypto';
import type { Express } from 'express';
import { REALTIME_BINDINGS } from '@collabeditor/contracts';
import {
  acceptPeers,
  type App,
  createBroker,
  createHttpApp,
  createPeerClient,
  createPool,
  createRedis,
  createVerifier,
  type Logger,
  measureStores,
  Problem,
  type Runtime,
  type ServiceDefinition,
  startRelay,
} from '@collabeditor/kit';
import type { Registry } from 'prom-client';
import { type Config, fields } from './config.ts';
import { createNewsWire } from './fanout.ts';
import { Gateway } from './gateway.ts';
import { createMetrics } from './metrics.ts';
import { Periodicals } from './periodicals.ts';
import type { Store } from './ports.ts';
import { createRights } from './rights.ts';
import { peerRoutes } from './routes/index.ts';
import { Shell, type ShellPorts } from './shell.ts';
import { createStore } from './store.ts';

/** A commit that takes longer than this is given up; whether it happened is then read back. */
const COMMIT_TIMEOUT_MS = 5_000;

/** The realtime service, for its process and for tests. */
export const definition: ServiceDefinition<typeof fields> = {
  name: 'realtime',
  schema: 'realtime',
  migrations: new URL('../migrations/', import.meta.url),
  fields,
  create: createApp,
};

/** Wires the service: stores and peers outside, the machines inside, routes and sockets in front. */
async function createApp(config: Config, { log, metrics: registry, clock }: Runtime): Promise<App> {
  const { pool, commits, publisher, subscriber, broker, measuring } = connectStores(config, log, registry);
  const store = createStore(pool, commits);
  const documents = createPeerClient({
    baseUrl: config.DOCUMENT_SERVICE_URL,
    serviceToken: config.SERVICE_TOKEN,
    name: 'document',
  });
  const jwksUrl = new URL('/auth/.well-known/jwks.json', config.USER_SERVICE_URL).href;
  const verifier = createVerifier({ issuer: config.ISSUER, jwksUrl, clock, log });

  const metrics = createMetrics(registry, {
    connections: () => gateway.connections,
    documents: () => shell.documents.size,
    lagSeconds: () => shell.lag.longest(shell.documents, clock.now()) / 1000,
  });
  const news = createNewsWire(publisher, subscriber, (documentId, heard) => shell.hear(documentId, heard), log);
  const ports: ShellPorts = { store, news, metrics, clock, log, replica: randomUUID() };
  const shell = new Shell(ports);
  const periodicals = new Periodicals(shell, ports);
  const rights = createRights(documents, log);
  const limits = { maxConnections: config.MAX_CONNECTIONS, drainSeconds: config.DRAIN_SECONDS };
  const gateway = new Gateway({ shell, rights, verifier, clock, metrics, log, ...limits });

  broker.consumeExclusive(
    { prefix: 'realtime', bindings: REALTIME_BINDINGS, onConnected: () => rights.recheckAll() },
    async (event) => {
      rights.hear(event);
      return 'ack';
    },
  );
  const relay = startRelay({ pool, broker, log, metrics: registry });
  void sayDurability(store, log);

  const http = { metrics: registry, log, verifier };
  const notWebSocket = { routes: [], ...http, extra: upgradeOnly };
  return {
    public: createHttpApp(notWebSocket),
    internal: createHttpApp({
      routes: peerRoutes({ shell, store, news }),
      peers: acceptPeers({ document: config.PEER_TOKEN_DOCUMENT }),
      ...http,
    }),
    upgrade: (request, socket, head) => gateway.upgrade(request, socket, head),
    ready: () => true,
    drain: () => gateway.drain(),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await periodicals[Symbol.asyncDispose]();
      await Promise.all([relay, rights, broker, documents, verifier, news].map((part) => part[Symbol.asyncDispose]()));
      await Promise.all([pool.end(), commits.end(), measuring[Symbol.asyncDispose]()]);
    },
  };
}

function connectStores(config: Config, log: Logger, metrics: Registry) {
  const database = { schema: definition.schema, ca: config.DATABASE_CA_FILE?.content };
  const url = config.DATABASE_URL;
  const pool = createPool(url, { ...database, log });
  const commits = createPool(url, { ...database, log, max: 2, statementTimeoutMs: COMMIT_TIMEOUT_MS });
  const settings = { url: config.REDIS_URL, log, ca: config.REDIS_CA_FILE?.content };
  const [publisher, subscriber] = [createRedis(settings), createRedis({ ...settings, subscriber: true })];
  const broker = createBroker({ url: config.AMQP_URL, log, ca: config.AMQP_CA_FILE?.content, name: definition.name });
  const measuring = measureStores({
    metrics,
    log,
    database: { ...database, url },
    pools: [pool, commits],
    broker,
    redis: [publisher, subscriber],
  });
  return { pool, commits, publisher, subscriber, broker, measuring };
}

/** A plain request to the WebSocket's address. */
function upgradeOnly(app: Express): void {
  app.all('/ws/doc/:id', () => {
    throw new Problem('upgrade_required', 'This address speaks WebSocket', { headers: { Upgrade: 'websocket' } });
  });
}

async function sayDurability(store: Store, log: Logger): Promise<void> {
  const durability = await store.durability().catch(() => null);
  if (!durability) return;
  const isDurable = durability.fsync === 'on' && durability.synchronousCommit !== 'off';
  if (isDurable)
    log.info({ event: 'edits_durable', ...durability }, 'An acknowledged edit outlives a crash of the database');
  else
    log.warn(
      { event: 'edits_not_durable', ...durability },
      'An acknowledged edit may be lost in a crash of the database',
    );
}
