/** A user service on fresh stores, and what a test sees of it. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AnyEvent, type EventType, QUEUES } from '@collabeditor/contracts';
import { createBroker, createLogger, createPool, migrate, type Pool, startService } from '@collabeditor/kit';
import { eventually } from '../../../test/harness/eventually.ts';
import { freshDatabase, freshVhost } from '../../../test/harness/stores.ts';
import { definition } from '../src/app.ts';

export const issuer = 'https://team/ce';
const peerToken = 'a-token-of-the-document-service';

export function newKey(kid: string, use: 'sign' | 'publish' = 'sign') {
  return { kid, use, jwk: generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface CallOptions {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Harness extends AsyncDisposable {
  readonly pool: Pool;
  readonly amqpUrl: string;
  readonly keysFile: string;
  readonly internalUrl: string;
  readonly telemetryUrl: string;
  readonly logLines: () => string;
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>;
  peer(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  /** Events that left for the notification service, so far or once there are this many of the type. */
  events<T extends EventType>(type: T, count: number): Promise<readonly Extract<AnyEvent, { type: T }>[]>;
  /** The event of a type about a user. */
  eventAbout<T extends EventType>(type: T, userId: string): Promise<Extract<AnyEvent, { type: T }>>;
  /** The token of the newest mail of a kind to an address. */
  mailed(kind: string, email: string): Promise<string>;
  setTime(now: () => number): void;
}

export async function startUserService(env: Readonly<Record<string, string>> = {}): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'keys-'));
  const keysFile = join(folder, 'keys.json');
  await writeFile(keysFile, JSON.stringify({ keys: [newKey('first')] }));
  const database = await freshDatabase('users');
  const vhost = await freshVhost();
  const environment = {
    DATABASE_URL: database.url,
    AMQP_URL: vhost.amqpUrl,
    REDIS_URL: process.env['COLLAB_TEST_REDIS_URL'] ?? '',
    ISSUER: issuer,
    SERVICE_TOKEN: 'a-token-of-the-user-service',
    PEER_TOKEN_DOCUMENT: peerToken,
    PEER_TOKEN_REALTIME: 'a-token-of-the-realtime-service',
    PEER_TOKEN_NOTIFICATION: 'a-token-of-the-notification-service',
    SIGNING_KEYS_FILE: keysFile,
    SIGNING_KEYS_POLL: '20ms',
    ...env,
  };
  await migrate(definition, { ...environment, LOG_LEVEL: 'silent' });
  const lines: string[] = [];
  const log = createLogger({
    service: 'user',
    pod: 't',
    level: 'debug',
    destination: { write: (line) => lines.push(line) },
  });
  let now = (): number => Date.now();
  const service = await startService(definition, environment, { log, clock: { now: () => now() } });

  const silent = createLogger({ service: 'test', pod: 't', level: 'silent' });
  const pool = createPool(database.url, { schema: 'users', log: silent });
  const broker = createBroker({ url: vhost.amqpUrl, log: silent });
  const seen: AnyEvent[] = [];
  broker.consume({ queue: QUEUES.notifications, prefetch: 50 }, async (event) => {
    seen.push(event);
    return 'ack';
  });

  const harness: Harness = {
    pool,
    amqpUrl: vhost.amqpUrl,
    keysFile,
    internalUrl: service.internalUrl,
    telemetryUrl: service.telemetryUrl,
    logLines: () => lines.join(''),
    call: (method, path, body, options = {}) =>
      send(service.publicUrl + path, method, body, {
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...options.headers,
      }),
    peer: (method, path, body, token = peerToken) =>
      send(service.internalUrl + path, method, body, { 'x-service-token': token }),
    events: (type, count) =>
      eventually(() => {
        const found = seen.filter((event): event is Extract<AnyEvent, { type: typeof type }> => event.type === type);
        if (found.length < count) throw new Error(`${found.length} of ${count} events ${type}`);
        return found;
      }),
    eventAbout: (type, userId) =>
      eventually(async () => {
        const found = (await harness.events(type, 0)).find(({ subject }) => subject === userId);
        if (!found) throw new Error(`no event ${type} about ${userId}`);
        return found;
      }),
    mailed: (kind, email) =>
      eventually(() => {
        const mails = seen.flatMap((event) => (event.type === 'mail.requested' ? [event.data] : []));
        const token = mails.findLast((mail) => mail.kind === kind && mail.to.email === email)?.token;
        if (!token) throw new Error(`no mail ${kind} to ${email}`);
        return token;
      }),
    setTime: (clock) => {
      now = clock;
    },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      await pool.end();
      await vhost[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
  return harness;
}

async function send(
  url: string,
  method: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: text }) });
  const answered = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (answered === '' ? {} : JSON.parse(answered)) as Record<string, unknown>,
  };
}

/** An address that no other test has: limits are counted in one Redis. */
export function newEmail(): string {
  return `${randomUUID()}@example.org`;
}

export interface Registered {
  readonly email: string;
  readonly password: string;
  readonly id: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

export async function registered(service: Harness, email = newEmail(), extra: object = {}): Promise<Registered> {
  const password = 'correct horse battery';
  const { status, body } = await service.call('POST', '/auth/register', { email, password, ...extra });
  if (status !== 201) throw new Error(`register: ${status} ${JSON.stringify(body)}`);
  const { id } = body['user'] as { id: string };
  return { email, password, id, accessToken: String(body['accessToken']), refreshToken: String(body['refreshToken']) };
}
