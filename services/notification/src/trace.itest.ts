/** One request through the real processes of three services, the real stores, and a real mail. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/harness/eventually.ts';
import { freshDatabase, freshVhost } from '../../../test/harness/fresh.ts';
import { freePort } from '../../../test/harness/programs.ts';
import { type Collector, type ReceivedSpan, startCollector } from '../../kit/test/collector.ts';
import { type MailServer, startMailServer } from '../test/mail-server.ts';

type Name = 'user' | 'document' | 'notification';
interface Service {
  readonly child: ChildProcess;
  readonly output: () => string;
}

const schemas: Readonly<Record<Name, string>> = { user: 'users', document: 'documents', notification: 'notifications' };
const names = ['user', 'document', 'notification'] as const;
const traceId = 'a1'.repeat(16);
const parentId = 'b2'.repeat(8);

let folder: string;
let collector: Collector;
let mail: MailServer;
let ports: Readonly<Record<Name, { public: number; internal: number; telemetry: number }>>;
let environments: Readonly<Record<Name, Readonly<Record<string, string>>>>;
const resources: AsyncDisposable[] = [];

function start(name: Name, args: readonly string[], env: Readonly<Record<string, string>> = {}): Service {
  const main = join(import.meta.dirname, `../../${name}/src/main.ts`);
  const child = spawn(process.execPath, ['--no-warnings', main, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...environments[name], ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
}

/** Starts all three, runs `work`, and stops them, which sends the last spans. */
async function running<T>(
  env: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<{ result: T; lines: Record<string, unknown>[] }> {
  const services = names.map((name) => start(name, [], env));
  try {
    for (const name of names) {
      await eventually(async () =>
        expect((await fetch(`http://127.0.0.1:${ports[name].telemetry}/readyz`)).status).toBe(200),
      );
    }
    const result = await work();
    for (const { child } of services) {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await exit).toEqual([0, null]);
    }
    const lines = services.flatMap(({ output }) => output().trim().split('\n'));
    return { result, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
  } finally {
    for (const { child } of services) if (child.exitCode === null) child.kill('SIGKILL');
  }
}

async function freePorts() {
  return { public: await freePort(), internal: await freePort(), telemetry: await freePort() };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-'));
  collector = await startCollector();
  mail = await startMailServer();
  const vhost = await freshVhost();
  const databases = {
    user: await freshDatabase('users'),
    document: await freshDatabase('documents'),
    notification: await freshDatabase('notifications'),
  };
  resources.push(collector, mail, vhost, ...Object.values(databases));
  ports = { user: await freePorts(), document: await freePorts(), notification: await freePorts() };
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  await writeFile(join(folder, 'keys.json'), JSON.stringify({ keys: [{ kid: 'k', use: 'sign', jwk }] }));
  const common = (name: Name) => ({
    HOST: '127.0.0.1',
    PORT: String(ports[name].public),
    INTERNAL_PORT: String(ports[name].internal),
    TELEMETRY_PORT: String(ports[name].telemetry),
    DATABASE_URL: databases[name].url,
    AMQP_URL: vhost.amqpUrl,
    REDIS_URL: process.env['COLLAB_TEST_REDIS_URL'] ?? '',
    ISSUER: 'https://team/ce',
    USER_SERVICE_URL: `http://127.0.0.1:${ports.user.internal}`,
    SERVICE_TOKEN: `a-token-of-the-${name}-service`,
    SHUTDOWN_LINGER: '0s',
    LOG_LEVEL: 'debug',
    POD_NAME: `${name}-0`,
  });
  environments = {
    user: {
      ...common('user'),
      ADDRESS_VERIFICATION: 'none',
      SIGNING_KEYS_FILE: join(folder, 'keys.json'),
      PEER_TOKEN_DOCUMENT: 'a-token-of-the-document-service',
      PEER_TOKEN_REALTIME: 'a-token-of-the-realtime-service',
      PEER_TOKEN_NOTIFICATION: 'a-token-of-the-notification-service',
    },
    document: {
      ...common('document'),
      REALTIME_SERVICE_URL: 'http://127.0.0.1:1',
      PEER_TOKEN_REALTIME: 'a-token-of-the-realtime-service',
    },
    notification: {
      ...common('notification'),
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: String(mail.port),
      PUBLIC_URL: 'https://team.example',
    },
  };
  for (const name of names) {
    const { child, output } = start(name, ['migrate']);
    if ((await once(child, 'exit'))[0] !== 0) throw new Error(`${schemas[name]}: ${output()}`);
  }
});

afterAll(async () => {
  for (const resource of resources) await resource[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function call(name: Name, path: string, body: unknown, headers: Record<string, string> = {}) {
  const url = `http://127.0.0.1:${ports[name].public}${path}`;
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body), headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Ada invites somebody who is no user; answers the mail that he gets. */
async function invite(headers: Record<string, string>): Promise<string> {
  const sent = mail.messages.length;
  const email = `${randomUUID()}@example.org`;
  const { body } = await call('user', '/auth/register', { email, password: 'correct horse battery', name: 'Ada' });
  const authorization = `Bearer ${String(body['accessToken'])}`;
  const document = await call('document', '/documents', { title: 'Plan of secrets' }, { authorization });
  const path = `/documents/${String(document.body['id'])}/share`;
  const guest = { email: `guest-${email}`, role: 'editor' };
  const answer = await call('document', path, guest, { ...headers, authorization });
  expect(answer.status).toBe(201);
  await eventually(() => expect(mail.messages).toHaveLength(sent + 1));
  return mail.messages.at(-1)?.source ?? '';
}

/** The trace as a tree: name, kind and service, and what is below it. */
function tree(spans: readonly ReceivedSpan[], parentSpanId: string): unknown[] {
  return spans
    .filter((span) => span.parentSpanId === parentSpanId)
    .map((span) => [`${span.kind} ${span.name} @${span.service}`, ...tree(spans, span.spanId)])
    .sort((a, b) => String(a[0]).localeCompare(String(b[0])));
}

describe('one request', () => {
  it('[KI72, KI74, NO18] is one trace from the Ingress to the mail, and its id is in every line', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '0' };
    const { result, lines } = await running(env, () =>
      invite({ traceparent: `00-${traceId}-${parentId}-01`, tracestate: 'a=b' }),
    );
    const spans = collector.spans.filter((span) => span.traceId === traceId);
    expect(tree(spans, parentId)).toEqual([
      [
        'server POST /documents/{id}/share @document-service',
        ['client GET /internal/users @document-service', ['server GET /internal/users @user-service']],
        [
          'client transaction @document-service',
          [
            'producer publish collab.events @document-service',
            [
              'consumer process notifications @notification-service',
              ['client transaction @notification-service', ['client smtp send @notification-service']],
            ],
            ['consumer process users @user-service', ['client transaction @user-service']],
          ],
        ],
      ],
    ]);
    const smtp = spans.find(({ name }) => name === 'smtp send');
    expect(result).toContain(`\r\nTraceparent: 00-${traceId}-${smtp?.spanId ?? ''}-01\r\n`);
    expect(new Set(spans.map(({ resource }) => resource['service.instance.id']))).toEqual(
      new Set(['user-0', 'document-0', 'notification-0']),
    );
    // Nobody else's request was kept: the sampler keeps none of its own.
    expect(collector.spans).toHaveLength(spans.length);
    expect(collector.bodies.join()).not.toMatch(/@example|Plan of secrets|Bearer|guest/);
    const services = lines.filter((line) => line['traceId'] === traceId).map(({ service }) => service);
    expect(new Set(services)).toEqual(new Set(['user', 'document']));
  });

  it('[KI70, NO18] keeps its traceparent to the mail where traces are off', async () => {
    const traceparent = `00-${'c3'.repeat(16)}-${parentId}-01`;
    const { result } = await running({}, () => invite({ traceparent }));
    expect(result).toContain(`\r\nTraceparent: ${traceparent}\r\n`);
    expect((await running({}, () => invite({}))).result).not.toContain('Traceparent');
  });
});
