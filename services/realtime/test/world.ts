/** Running realtime replicas with the services around them played at the wire, and people who edit. */
import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type AnyEvent,
  documentPeerRoutes,
  EXCHANGE,
  type EventData,
  type EventType,
  makeEvent,
  type Role,
  userPeerRoutes,
} from '@collabeditor/contracts';
import {
  acceptPeers,
  createBroker,
  createHttpApp,
  createLogger,
  createVerifier,
  handle,
  migrate,
  type Mounted,
  Problem,
  reply,
  type Runtime,
  startService,
  type StartedService,
  type Verifier,
} from '@collabeditor/kit';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Registry } from 'prom-client';
import { freshDatabase, freshVhost } from '../../../test/harness/stores.ts';
import { definition } from '../src/app.ts';
import { type Session, openSession, type SessionOptions } from './session.ts';

const issuer = 'https://test/team';
const serviceToken = 'realtime-service-token';
const peerToken = 'document-service-token';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly token: string;
}

export interface World extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  /** Roles by `document user`; what is not in here is not visible. */
  readonly roles: Map<string, Role>;
  /** While true, the document service cuts connections. */
  readonly documents: { away: boolean };
  start(env?: Record<string, string>, overrides?: Partial<Runtime>): Promise<Replica>;
  person(name?: string, life?: string): Promise<Person>;
  tokenOf(person: { id: string; name: string }, life: string): Promise<string>;
  /** A new document's id; the first person owns it, the others are editors. */
  document(...people: Person[]): string;
  /** Hears all events from now on. */
  listen(hear: (event: AnyEvent) => void): Promise<AsyncDisposable>;
  publish<T extends EventType>(type: T, data: EventData<T>): Promise<void>;
}

export interface Replica extends AsyncDisposable {
  readonly service: StartedService;
  /** Opens a session and waits for its first frame. */
  session(documentId: string, person: Person, options?: SessionOptions): Promise<Session>;
  /** A call on port 8081 as document-service, with the person's token. */
  peer(
    method: string,
    path: string,
    body?: unknown,
    person?: Person,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  url(documentId: string, query?: string): string;
  /** Stops the service as SIGTERM does, with its sessions still open. */
  stop(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const log = createLogger({ service: 'test', pod: 'test', level: 'silent' });
  const [database, vhost] = await Promise.all([freshDatabase('realtime'), freshVhost()]);
  const users = await playUserService();
  const verifier = createVerifier({ issuer, log, jwksUrl: `${users.url}/auth/.well-known/jwks.json` });
  const roles = new Map<string, Role>();
  const documents = await playDocumentService(roles, verifier);
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: process.env['COLLAB_TEST_REDIS_URL'] ?? '',
    AMQP_URL: vhost.amqpUrl,
    ISSUER: issuer,
    SERVICE_TOKEN: serviceToken,
    PEER_TOKEN_DOCUMENT: peerToken,
    USER_SERVICE_URL: users.url,
    DOCUMENT_SERVICE_URL: documents.url,
    DRAIN_SECONDS: '0',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
  };
  await migrate(definition, env);
  const broker = createBroker({ url: vhost.amqpUrl, log });
  const replicas = new Set<Replica>();
  const tokenOf: World['tokenOf'] = ({ id, name }, life) => users.token(id, name, life);
  return {
    env,
    databaseUrl: database.url,
    roles,
    documents,
    tokenOf,
    async start(own = {}, overrides = {}) {
      const service = await startService(definition, { ...env, ...own }, overrides);
      const replica = replicaOf(service, () => replicas.delete(replica));
      replicas.add(replica);
      return replica;
    },
    async person(name = 'Ada', life = '1h') {
      const id = randomUUID();
      return { id, name, token: await tokenOf({ id, name }, life) };
    },
    document(...people) {
      const id = randomUUID();
      people.forEach((person, index) => roles.set(`${id} ${person.id}`, index === 0 ? 'owner' : 'editor'));
      return id;
    },
    async listen(hear) {
      const listener = createBroker({ url: vhost.amqpUrl, log });
      const connected = Promise.withResolvers<undefined>();
      listener.consumeExclusive(
        { prefix: 'test', bindings: ['#'], onConnected: () => connected.resolve(undefined) },
        async (event) => {
          hear(event);
          return 'ack';
        },
      );
      await connected.promise;
      return listener;
    },
    async publish(type, data) {
      const event = makeEvent({
        id: randomUUID(),
        time: new Date(),
        type,
        source: '/test',
        subject: randomUUID(),
        data,
      });
      for (let left = 200; !broker.connected() && left > 0; left--)
        await new Promise((resolve) => setTimeout(resolve, 25));
      await broker.publishConfirmed(EXCHANGE, type, event);
    },
    async [Symbol.asyncDispose]() {
      for (const replica of [...replicas]) await replica[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      await verifier[Symbol.asyncDispose]();
      await Promise.all([users, documents, vhost, database].map((part) => part[Symbol.asyncDispose]()));
    },
  };
}

function replicaOf(service: StartedService, ended: () => void): Replica {
  const url = (documentId: string, query = ''): string =>
    `${service.publicUrl.replace('http', 'ws')}/ws/doc/${documentId}${query}`;
  const sessions = new Set<Session>();
  let stopped: Promise<void> | undefined;
  return {
    service,
    url,
    async session(documentId, person, options = {}) {
      const query = new URLSearchParams(options.client === undefined ? {} : { client: options.client });
      for (const [name, value] of Object.entries(options.query ?? {})) query.set(name, value);
      const session = openSession(url(documentId, query.size > 0 ? `?${query.toString()}` : ''), person.token, options);
      sessions.add(session);
      await session.opened();
      return session;
    },
    async peer(method, path, body, person) {
      const response = await fetch(`${service.internalUrl}${path}`, {
        method,
        headers: {
          'x-service-token': peerToken,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(person ? { authorization: `Bearer ${person.token}` } : {}),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
    },
    stop() {
      ended();
      return (stopped ??= Promise.resolve(service[Symbol.asyncDispose]()));
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.terminate();
      await this.stop();
    },
  };
}

async function playUserService() {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const { x = '' } = await exportJWK(publicKey);
  const jwks = handle(userPeerRoutes.jwks, async () =>
    reply(200, { keys: [{ kty: 'OKP', crv: 'Ed25519', x, kid: 'one', alg: 'EdDSA', use: 'sig' }] }),
  );
  const token = (id: string, name: string, life: string): Promise<string> =>
    new SignJWT({ name, email: `${id}@example.com` })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'one' })
      .setSubject(id)
      .setIssuer(issuer)
      .setAudience('collab')
      .setIssuedAt()
      .setExpirationTime(life)
      .sign(privateKey);
  return Object.assign(await play([jwks]), { token });
}

function playDocumentService(roles: ReadonlyMap<string, Role>, verifier: Verifier) {
  const routes = [
    handle(documentPeerRoutes.role, async ({ params, caller }) => {
      const role = caller && roles.get(`${params.id} ${caller.userId}`);
      if (!role) throw new Problem('not_found');
      return reply(200, { role, revision: 1 });
    }),
    handle(documentPeerRoutes.roles, async ({ body }) =>
      reply(200, {
        roles: body.pairs.map((pair) => ({
          ...pair,
          role: roles.get(`${pair.documentId} ${pair.userId}`) ?? null,
          revision: 1,
        })),
      }),
    ),
  ];
  return play(routes, verifier);
}

interface Played extends AsyncDisposable {
  readonly url: string;
  away: boolean;
}

async function play(routes: readonly Mounted[], verifier?: Verifier): Promise<Played> {
  const app: RequestListener = createHttpApp({
    routes,
    ...(verifier ? { verifier } : {}),
    peers: acceptPeers({ realtime: serviceToken }),
    metrics: new Registry(),
    log: createLogger({ service: 'peer', pod: 'test', level: 'silent' }),
  });
  const state = { away: false };
  const server = createServer((request, response) => {
    if (state.away) request.socket.destroy();
    else app(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
