import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EXCHANGE, makeEvent, parseEvent, QUEUES, retryQueue } from '@collabeditor/contracts';
import {
  type Broker,
  createBroker,
  createLogger,
  createPool,
  migrate,
  type Pool,
  startService,
  type StartedService,
} from '@collabeditor/kit';
import { freshDatabase, freshVhost, type FreshDatabase, type FreshVhost } from '../../../test/harness/fresh.ts';
import { mostSeries, scrape } from '../../../test/harness/scrape.ts';
import { startMailServer, type MailServer } from '../test/mail-server.ts';
import { definition } from './app.ts';

let database: FreshDatabase;
let vhost: FreshVhost;
let db: Pool;
let broker: Broker;
let mail: MailServer;
let services: StartedService[] = [];

const log = createLogger({ service: 'test', pod: 'test', level: 'silent' });

beforeAll(async () => {
  database = await freshDatabase('notifications');
  await migrate(definition, { DATABASE_URL: database.url, LOG_LEVEL: 'silent' });
  db = createPool(database.url, { schema: 'notifications', log });
});

afterAll(async () => {
  await db.end();
  await database[Symbol.asyncDispose]();
});

beforeEach(async () => {
  vhost = await freshVhost();
  broker = createBroker({ url: vhost.amqpUrl, log });
  mail = await startMailServer();
});

afterEach(async () => {
  for (const service of services) await service[Symbol.asyncDispose]();
  services = [];
  await broker[Symbol.asyncDispose]();
  await mail[Symbol.asyncDispose]();
  await vhost[Symbol.asyncDispose]();
});

async function start(env: Record<string, string> = {}, logLines?: string[]): Promise<StartedService> {
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      logLines?.push(chunk.toString());
      done();
    },
  });
  const service = await startService(
    definition,
    {
      DATABASE_URL: database.url,
      AMQP_URL: vhost.amqpUrl,
      SERVICE_TOKEN: 'notification-service-token',
      PUBLIC_URL: 'https://team.example',
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: String(mail.port),
      SMTP_FROM: 'Team <team@mail.example>',
      SMTP_TIMEOUT: '2s',
      ...env,
    },
    logLines ? { log: createLogger({ service: 'notification', pod: 'test', level: 'info', destination }) } : {},
  );
  services.push(service);
  return service;
}

function verifyEvent(options: { id?: string; email?: string; name?: string } = {}) {
  const { id = randomUUID(), email = 'ben@example.com', name = 'Ben' } = options;
  const data = { kind: 'verify_address', to: { email, name }, token: 'secret-token' } as const;
  return makeEvent({ id, time: new Date(), type: 'mail.requested', source: '/test', subject: id, data });
}

const publish = (event: { type: string }): Promise<void> =>
  eventually(() => broker.connected()).then(() => broker.publishConfirmed(EXCHANGE, event.type, event));
const enqueue = async (message: string, headers: Record<string, unknown> = {}): Promise<void> => {
  await eventually(() => broker.connected());
  await broker.publishConfirmed('', QUEUES.notifications, message, { headers });
};

async function eventually(look: () => unknown): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${look.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function counted(service: StartedService): Promise<Record<string, number>> {
  const text = await (await fetch(`${service.telemetryUrl}/metrics`)).text();
  const entries = [...text.matchAll(/^collab_notifications_total\{result="(\w+)"\} (\d+)$/gm)].map(
    ([, result = '', value]) => [result, Number(value)] as const,
  );
  return Object.fromEntries(entries.filter(([, value]) => value > 0));
}

/** Messages that wait in a queue; they are taken out. */
async function drained(queue: string, count: number): Promise<{ content: string; headers: Record<string, unknown> }[]> {
  const messages: { content: string; headers: Record<string, unknown> }[] = [];
  const reader = createBroker({ url: vhost.amqpUrl, log });
  const keep = async (raw: { content: Buffer; properties: { headers?: Record<string, unknown> | undefined } }) => {
    messages.push({ content: raw.content.toString(), headers: raw.properties.headers ?? {} });
    return 'ack' as const;
  };
  reader.consume({ queue, prefetch: 10, otherwise: keep }, (_event, raw) => keep(raw));
  await eventually(() => messages.length >= count);
  await reader[Symbol.asyncDispose]();
  return messages;
}

describe('one mail per event', () => {
  it('[NO1, NO11, NO12, NO13] is sent, however often and however quickly the event comes', async () => {
    const [one, two] = [await start(), await start()];
    const event = verifyEvent();
    await Promise.all(Array.from({ length: 20 }, () => publish(event)));
    const totals = async (): Promise<Record<string, number>> => {
      const [a, b] = [await counted(one), await counted(two)];
      return { sent: (a['sent'] ?? 0) + (b['sent'] ?? 0), duplicate: (a['duplicate'] ?? 0) + (b['duplicate'] ?? 0) };
    };
    await eventually(async () => (await totals())['duplicate'] === 19);
    expect(await totals()).toEqual({ sent: 1, duplicate: 19 });
    expect(mail.messages).toHaveLength(1);
    const [message] = mail.messages;
    expect(message).toMatchObject({ from: 'team@mail.example', to: ['ben@example.com'] });
    expect(message?.source).toContain(`Message-ID: <${event.id}@mail.example>`);
    expect(message?.source).toContain('From: Team <team@mail.example>');
    expect(message?.source.replace(/=\r\n/g, '').replace(/=3D/g, '=')).toContain(
      '\r\nhttps://team.example/verify?token=secret-token\r\n',
    );
  });

  it('[NO2] a crash between acceptance and commit repeats it with the same Message-ID', async () => {
    const service = await start();
    const event = verifyEvent();
    // The session that waits for the mail server is killed while the server already has the mail.
    mail.beforeAccepting = async () => {
      mail.beforeAccepting = undefined;
      await db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()`,
      );
    };
    await publish(event);
    await eventually(() => mail.messages.length === 2);
    await eventually(async () => (await counted(service))['sent'] === 1);
    const ids = mail.messages.map(({ source }) => /^Message-ID: (.*)\r$/m.exec(source)?.[1]);
    expect(ids).toEqual([`<${event.id}@mail.example>`, `<${event.id}@mail.example>`]);
    const { rows } = await db.query('SELECT result FROM deliveries WHERE event_id = $1', [event.id]);
    expect(rows).toEqual([{ result: 'sent' }]);
  });
});

describe('failing mails', () => {
  it('[NO3] go to the retry queue of the attempt, and come back', async () => {
    const service = await start();
    mail.answer = { stage: 'rcpt', code: 450 };
    const event = verifyEvent();
    await enqueue(JSON.stringify(event), { 'x-attempts': 2 });
    const [waiting] = await drained(retryQueue(3), 1);
    expect(parseEvent(waiting?.content ?? '')).toEqual(event);
    expect(waiting?.headers['x-attempts']).toBe(3);
    expect(await counted(service)).toEqual({ retried: 1 });
    expect((await db.query('SELECT 1 FROM deliveries WHERE event_id = $1', [event.id])).rowCount).toBe(0);

    mail.answer = undefined;
    await enqueue(waiting?.content ?? '', { 'x-attempts': 3 });
    await eventually(() => mail.messages.length === 1);
  });

  it('[NO3] are mailed after the delay of the first retry queue', async () => {
    await start();
    mail.answer = { stage: 'data', code: 451 };
    await publish(verifyEvent());
    await eventually(() => mail.refusals === 1);
    mail.answer = undefined;
    await eventually(() => mail.messages.length === 1);
  });

  it('[NO4] go to the dead letters after the fifth retry', async () => {
    const service = await start();
    mail.answer = { stage: 'mail', code: 451 };
    await enqueue(JSON.stringify(verifyEvent()), { 'x-attempts': 5 });
    const [dead] = await drained(QUEUES.notificationsDead, 1);
    expect(dead?.headers).toMatchObject({ 'x-attempts': 5, 'x-reason': expect.stringContaining('451') });
    expect(await counted(service)).toEqual({ dead: 1 });
  });

  it('[NO5] go to the dead letters at once when recipient or message is refused for good, but not when login or sender is', async () => {
    await start();
    for (const stage of ['rcpt', 'data'] as const) {
      mail.answer = { stage, code: 550 };
      await publish(verifyEvent());
      const [dead] = await drained(QUEUES.notificationsDead, 1);
      expect(dead?.headers['x-attempts']).toBe(0);
    }
    mail.answer = { stage: 'mail', code: 550 };
    await publish(verifyEvent());
    expect(await drained(retryQueue(1), 1)).toHaveLength(1);
  });

  it('[NO9] a server that falls silent is a failure', async () => {
    const service = await start({ SMTP_TIMEOUT: '200ms' });
    mail.silent = true;
    await publish(verifyEvent());
    await eventually(async () => (await counted(service))['retried'] === 1);
    mail.silent = false;
  });
});

describe('encryption', () => {
  it('[NO17] is taken when it is offered, and the certificate is verified where a password is sent or TLS is asked for', async () => {
    await using encrypting = await startMailServer({ startTls: true });
    const service = await start({ SMTP_PORT: String(encrypting.port) });
    await publish(verifyEvent());
    await eventually(() => encrypting.messages.length === 1);
    expect(encrypting.messages[0]?.encrypted).toBe(true);
    await service[Symbol.asyncDispose]();
    services = [];

    const strict: Record<string, string>[] = [
      { SMTP_PORT: String(encrypting.port), SMTP_USERNAME: 'team', SMTP_PASSWORD: 'secret' },
      { SMTP_HOST: '', SMTP_URI: `smtp://127.0.0.1:${encrypting.port}?requireTLS=true` },
      { SMTP_HOST: '', SMTP_URI: `smtp://team:secret@127.0.0.1:${encrypting.port}` },
    ];
    for (const env of strict) {
      const verifying = await start(env);
      await publish(verifyEvent());
      await eventually(async () => (await counted(verifying))['retried'] === 1);
      await verifying[Symbol.asyncDispose]();
      services = [];
    }
    expect(encrypting.messages).toHaveLength(1);
  });
});

describe('other messages', () => {
  it('[NO6, NO7] are buried when nothing can be done with them, and ignored when nothing is asked', async () => {
    const service = await start();
    const bad = [
      '',
      'no json',
      '5',
      'null',
      '{}',
      JSON.stringify({ ...verifyEvent(), data: {} }),
      JSON.stringify(verifyEvent({ email: 'a@b\r\nBcc: c@d' })),
    ];
    for (const message of bad) await enqueue(message);
    await enqueue(JSON.stringify({ ...verifyEvent(), type: 'mail.of_tomorrow' }));
    await publish(
      makeEvent({
        id: randomUUID(),
        time: new Date(),
        type: 'user.deleted',
        source: '/test',
        subject: 'x',
        data: { userId: randomUUID() },
      }),
    );
    await publish(verifyEvent());
    await eventually(() => mail.messages.length === 1);
    const dead = await drained(QUEUES.notificationsDead, bad.length);
    expect(dead.map(({ content }) => content).sort()).toEqual([...bad].sort());
    expect(await counted(service)).toEqual({ dead: bad.length, ignored: 2, sent: 1 });
  });
});

describe('outages and the lack of SMTP', () => {
  it('[NO8] while PostgreSQL is away events wait, without an attempt counted', async () => {
    const lines: string[] = [];
    const service = await start({ DATABASE_URL: database.url.replace(/\/test_\w+/, '/test_absent') }, lines);
    await publish(verifyEvent());
    await eventually(() => lines.some((line) => line.includes('could not be handled')));
    expect((await fetch(`${service.telemetryUrl}/readyz`)).status).toBe(200);
    expect(await counted(service)).toEqual({});
    expect(mail.messages).toHaveLength(0);
    await service[Symbol.asyncDispose]();
    services = [];
    const healthy = await start();
    await eventually(async () => (await counted(healthy))['sent'] === 1);
    expect(mail.messages).toHaveLength(1);
  });

  it('[NO10] without SMTP the mail is in the log, once and without its token', async () => {
    const lines: string[] = [];
    const service = await start({ SMTP_HOST: '', SMTP_PORT: '' }, lines);
    const event = verifyEvent();
    await publish(event);
    await publish(event);
    await eventually(async () => (await counted(service))['duplicate'] === 1);
    expect(await counted(service)).toEqual({ logged: 1, duplicate: 1 });
    const logged = lines.filter((line) => line.includes(event.id));
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('https://team.example/verify?token=***');
    expect(lines.join('')).not.toContain('secret-token');
  });
});

describe('metrics', () => {
  it('[NO19] tells whether the mail server took part in the last attempt', async () => {
    const up = async (service: StartedService): Promise<number | undefined> =>
      (await scrape(service.telemetryUrl)).value('collab_store_up', { store: 'smtp' });
    const service = await start();
    expect(await up(service)).toBe(1);
    mail.answer = { stage: 'rcpt', code: 550 };
    await publish(verifyEvent());
    await eventually(async () => (await counted(service))['dead'] === 1);
    // A recipient that it refuses is no fault of the server.
    expect(await up(service)).toBe(1);
    await mail[Symbol.asyncDispose]();
    await publish(verifyEvent());
    await eventually(async () => (await up(service)) === 0);
    expect(await up(await start({ SMTP_HOST: '', SMTP_PORT: '', SMTP_FROM: '' }))).toBeUndefined();
  });

  it('[NO20] has no more than 500 series', async () => {
    const service = await start();
    await publish(verifyEvent());
    await eventually(async () => (await counted(service))['sent'] === 1);
    const seen = await scrape(service.telemetryUrl);
    expect(mostSeries(seen, { kinds: 0, statuses: [] })).toBeLessThanOrEqual(500);
  });
});
