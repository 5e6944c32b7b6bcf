/**
 * `npm run dev`: PostgreSQL, Redis, RabbitMQ, a mail sink, the four services under a watcher, and one front door, all on
 * loopback. Data stays in `.state/dev`; everything ends with this process.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { SMTPServer } from 'smtp-server';
import { freePort } from '../test/harness/programs.ts';
import { declareTopology, startStores, type Stores } from '../test/harness/stores.ts';
import { frontDoor } from './front-door.ts';
import { command, createStages, runScript, stateDir } from './stages.ts';

const root = join(import.meta.dirname, '..');
const dataDir = join(stateDir, 'dev');
const services = { user: 'users', document: 'documents', realtime: 'realtime', notification: 'notifications' } as const;
type Service = keyof typeof services;
const names = Object.keys(services) as Service[];

await runScript(async () => {
  const stages = createStages();
  const port = Number(process.env['PORT'] ?? 8080);
  const url = `http://127.0.0.1:${port}`;
  mkdirSync(dataDir, { recursive: true });
  const stores = await stages.run('PostgreSQL, Redis, RabbitMQ', () => startStores({ dataDir, fsync: true }));
  const mailPort = await printMails();
  const environments = await describeServices(stores, url, mailPort);
  await stages.run('schemas and topology', () => prepare(stores, environments));
  const children = names.map((name) => start(name, environments[name]));
  const portOf = (name: Service): number => Number(environments[name]['PORT']);
  const door = frontDoor([
    { prefix: '/auth', port: portOf('user') },
    { prefix: '/documents', port: portOf('document') },
    { prefix: '/ws', port: portOf('realtime') },
    { prefix: '/', port: portOf('document') },
  ]);
  await new Promise<void>((resolve, reject) => {
    door.once('error', reject);
    door.listen(port, '127.0.0.1', resolve);
  });
  console.log(`\nThe environment runs at ${url}. Open it in two windows, sign up twice, share a document, type.`);
  console.log('Mails are printed here. Saving a file restarts its service. Ctrl-C ends everything.\n');

  await new Promise<void>((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  door.close();
  door.closeAllConnections();
  await Promise.all(children.map(stop));
  await stores[Symbol.asyncDispose]();
  process.exit();
});

type Environment = Readonly<Record<string, string>>;

/** What the operator would put into each Deployment (docs/architecture.md), for loopback. */
async function describeServices(
  stores: Stores,
  publicUrl: string,
  mailPort: number,
): Promise<Record<Service, Environment>> {
  const ports = Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [name, [await freePort(), await freePort(), await freePort()]] as const),
    ),
  );
  const tokens = Object.fromEntries(names.map((name) => [name, randomBytes(24).toString('hex')]));
  const internal = (name: Service): string => `http://127.0.0.1:${ports[name]?.[1] ?? 0}`;
  const describe = (name: Service): Environment => ({
    HOST: '127.0.0.1',
    PORT: String(ports[name]?.[0]),
    INTERNAL_PORT: String(ports[name]?.[1]),
    TELEMETRY_PORT: String(ports[name]?.[2]),
    DATABASE_URL: databaseUrl(stores, services[name]),
    REDIS_URL: stores.redisUrl,
    AMQP_URL: stores.amqpUrl,
    ISSUER: 'https://dev/local',
    PUBLIC_URL: publicUrl,
    USER_SERVICE_URL: internal('user'),
    DOCUMENT_SERVICE_URL: internal('document'),
    REALTIME_SERVICE_URL: internal('realtime'),
    SERVICE_TOKEN: tokens[name] ?? '',
    ...Object.fromEntries(
      names.filter((peer) => peer !== name).map((peer) => [`PEER_TOKEN_${peer.toUpperCase()}`, tokens[peer] ?? '']),
    ),
    SIGNING_KEYS_FILE: signingKeys(),
    ADDRESS_VERIFICATION: 'mail',
    SMTP_URI: `smtp://127.0.0.1:${mailPort}`,
  });
  return {
    user: describe('user'),
    document: describe('document'),
    realtime: describe('realtime'),
    notification: describe('notification'),
  };
}

function databaseUrl(stores: Stores, schema: string): string {
  const url = new URL(stores.databaseUrl);
  url.searchParams.set('options', `-csearch_path=${schema}`);
  return url.href;
}

function signingKeys(): string {
  const file = join(dataDir, 'signing-keys.json');
  if (!existsSync(file)) {
    const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    writeFileSync(file, JSON.stringify({ keys: [{ kid: randomBytes(8).toString('hex'), use: 'sign', jwk }] }), {
      mode: 0o600,
    });
  }
  return file;
}

async function prepare(stores: Stores, environments: Record<Service, Environment>): Promise<void> {
  const client = new Client({ connectionString: stores.databaseUrl });
  await client.connect();
  for (const schema of Object.values(services)) await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await client.end();
  await declareTopology(stores.managementUrl, '/');
  for (const name of names)
    await command(`migrate-${name}`, ['node', mainOf(name), 'migrate'], { env: environments[name] });
}

function mainOf(name: Service): string {
  return join(root, 'services', name, 'src/main.ts');
}

function start(name: Service, environment: Environment): ChildProcess {
  const child = spawn(process.execPath, ['--watch', '--watch-preserve-output', mainOf(name)], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      for (const line of chunk.split('\n')) if (line !== '') console.log(`${name.padEnd(12)} ${readable(line)}`);
    });
  }
  return child;
}

/** A JSON log line as a person reads it; anything else as it is. */
function readable(line: string): string {
  try {
    const {
      level,
      msg,
      time: _time,
      service: _service,
      pid: _pid,
      hostname: _hostname,
      ...rest
    } = JSON.parse(line) as Record<string, unknown>;
    const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : '';
    return `${String(level)} ${String(msg)}${details}`;
  } catch {
    return line; // not JSON: the watcher's own words, or a crash
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(killer);
}

/** A mail server whose mailbox is this terminal: it prints the links. */
async function printMails(): Promise<number> {
  const port = await freePort();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, session, callback) {
      let raw = '';
      stream.on('data', (chunk: Buffer) => (raw += chunk.toString('utf8')));
      stream.on('end', () => {
        const text = raw.replace(/=\r?\n/g, '').replaceAll('=3D', '=');
        const to = session.envelope.rcptTo.map(({ address }) => address).join(', ');
        const subject = /^subject: *(.+)$/im.exec(text)?.[1]?.trim() ?? '';
        const link = /https?:\/\/\S+\?token=[\w.~-]+/.exec(text)?.[0] ?? '(no link)';
        console.log(`mail         to ${to}: ${subject}\n             ${link}`);
        callback();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  return port;
}
