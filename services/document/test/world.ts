/** A running document-service with its peers, its database and its broker, and people who use it. */
import { randomUUID } from 'node:crypto';
import type { AnyEvent, UserCard } from '@collabeditor/contracts';
import { EXCHANGE, makeEvent, type EventData, type EventType } from '@collabeditor/contracts';
import {
  type Broker,
  createBroker,
  createLogger,
  createPool,
  createVerifier,
  migrate,
  type Pool,
  startService,
  type StartedService,
} from '@collabeditor/kit';
import { definition } from '../src/app.ts';
import { issuer, playRealtimeService, playUserService, serviceToken, type TextPeer, type UserPeer } from './peers.ts';

/** What answers can hold. A test reads what it expects to be there; where it is not, the test fails. */
export interface Body {
  readonly id: string;
  readonly title: string;
  readonly ownerId: string;
  readonly role: string;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly trashedAt: string | undefined;
  readonly code: string | undefined;
  readonly errors: readonly { readonly path: string }[];
  readonly items: readonly Body[];
  readonly nextCursor: string | null;
  readonly userId: string;
  readonly name: string;
  readonly email: string;
  readonly expiresAt: string;
  readonly invitation: Body;
  readonly token: string;
  readonly content: string;
  readonly roles: readonly Body[];
  readonly ids: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export interface Person extends UserCard {
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface World extends AsyncDisposable {
  readonly service: StartedService;
  /** The environment that the service was started with. */
  readonly env: Readonly<Record<string, string>>;
  readonly users: UserPeer;
  readonly texts: TextPeer;
  readonly db: Pool;
  /** Events as they came from the broker. */
  readonly events: AnyEvent[];
  readonly clock: { shiftMs: number };
  person(options?: { name?: string; email?: string; verified?: boolean }): Promise<Person>;
  send(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** A call on port 8081 as realtime-service. */
  peer(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  publish<T extends EventType>(type: T, data: EventData<T>, id?: string): Promise<void>;
  /** A new document's id. */
  document(owner: Person, title?: string, content?: string): Promise<string>;
  /** Gives a verified person a role. */
  share(owner: Person, documentId: string, other: Person, role: 'editor' | 'viewer'): Promise<void>;
}

const log = createLogger({ service: 'test', pod: 'test', level: 'silent' });
const peerToken = 'realtime-service-token';

export async function startWorld(
  databaseUrl: string,
  amqpUrl: string,
  overrides: Readonly<Record<string, string>> = {},
): Promise<World> {
  const users = await playUserService();
  const verifier = createVerifier({ issuer, log, jwksUrl: `${users.url}/auth/.well-known/jwks.json` });
  const texts = await playRealtimeService(verifier);
  const env = {
    DATABASE_URL: databaseUrl,
    AMQP_URL: amqpUrl,
    ISSUER: issuer,
    SERVICE_TOKEN: serviceToken,
    PEER_TOKEN_REALTIME: peerToken,
    USER_SERVICE_URL: users.url,
    REALTIME_SERVICE_URL: texts.url,
    TRASH_SWEEP_INTERVAL: '1h',
    LOG_LEVEL: 'silent',
    ...overrides,
  };
  await migrate(definition, { ...env, DATABASE_URL: databaseUrl });
  const clock = { shiftMs: 0, now: () => Date.now() + clock.shiftMs };
  const service = await startService(definition, env, { clock });
  const db = createPool(databaseUrl, { schema: definition.schema, log });
  const events: AnyEvent[] = [];
  const broker = await listen(amqpUrl, events);
  return {
    service,
    env,
    users,
    texts,
    db,
    events,
    clock,
    person: (options) => person(service, users, options),
    send,
    peer: (method, path, body, headers) =>
      send(method, `${service.internalUrl}${path}`, body, { 'x-service-token': peerToken, ...headers }),
    publish: (type, data, id = randomUUID()) => {
      const subject = 'documentId' in data ? data.documentId : 'userId' in data && data.userId ? data.userId : id;
      const event = makeEvent({ id, time: new Date(), type, source: '/collabeditor/test', subject, data });
      return broker.publishConfirmed(EXCHANGE, type, event);
    },
    document: async (owner, title = 'Title', content) =>
      (await owner.call('POST', '/documents', { title, ...(content === undefined ? {} : { content }) })).body.id,
    share: async (owner, documentId, other, role) => {
      const { status } = await owner.call('POST', `/documents/${documentId}/share`, { email: other.email, role });
      if (status !== 201 && status !== 200) throw new Error(`share answered ${status}`);
    },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      await db.end();
      await verifier[Symbol.asyncDispose]();
      await users[Symbol.asyncDispose]();
      await texts[Symbol.asyncDispose]();
    },
  };
}

async function listen(amqpUrl: string, events: AnyEvent[]): Promise<Broker> {
  const broker = createBroker({ url: amqpUrl, log });
  const listening = Promise.withResolvers<undefined>();
  const onConnected = (): void => listening.resolve(undefined);
  broker.consumeExclusive({ bindings: ['#'], prefix: 'test', onConnected }, async (event) => {
    events.push(event);
    return 'ack';
  });
  await listening.promise;
  return broker;
}

type NewPerson = Parameters<World['person']>[0];

async function person(service: StartedService, users: UserPeer, options: NewPerson = {}): Promise<Person> {
  const id = randomUUID();
  const { name = `P ${id.slice(0, 4)}`, email = `${id.slice(0, 8)}@example.com`, verified = true } = options;
  const card: UserCard = { id, email, name, verified };
  users.users.set(id, card);
  const authorization = `Bearer ${await users.token(card)}`;
  return {
    ...card,
    call: (method, path, body, headers) =>
      send(method, `${service.publicUrl}${path}`, body, { authorization, ...headers }),
  };
}

async function send(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parsed(text) };
}

function parsed(text: string): Body {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return { content: text } as Body;
  }
}

/** Asks again until it holds. */
export async function eventually<T>(look: () => T | Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    if (Date.now() > deadline) throw new Error(`not within 15 s; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
