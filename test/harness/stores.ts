/**
 * Real PostgreSQL, Redis and RabbitMQ as processes on loopback, from the programs found on this machine.
 * Each process gets SIGKILL when its parent dies (`setpriv --pdeathsig`), so that a crashed run leaves none behind.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:net';
import { freePort, startProgram } from './programs.ts';

export { freshDatabase, freshVhost, declareTopology } from './fresh.ts';

export interface StoresOptions {
  /** Where data and logs live; made when missing, kept at the end. */
  readonly dataDir: string;
  /** Whether PostgreSQL flushes its log to disk at commit. Tests of services don't crash the machine, so they do without. */
  readonly fsync: boolean;
}

export interface Stores extends AsyncDisposable {
  /** Superuser URI of the maintenance database. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Administrator URI of the default vhost. */
  readonly amqpUrl: string;
  /** Base URL of the management API, with the administrator's name and password. */
  readonly managementUrl: string;
}

export async function startStores(options: StoresOptions): Promise<Stores> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o755 });
  const started = await Promise.allSettled([startPostgres(options), startRedis(options), startRabbit(options)]);
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(async (one) => (one.status === 'fulfilled' ? one.value.stop() : undefined)));
  };
  const [postgres, redis, rabbit] = started;
  if (postgres.status === 'rejected' || redis.status === 'rejected' || rabbit.status === 'rejected') {
    await stop();
    const reasons = started.filter((one) => one.status === 'rejected').map((one) => String(one.reason));
    throw new Error(`stores did not start:\n${reasons.join('\n')}`);
  }
  return {
    databaseUrl: postgres.value.url,
    redisUrl: redis.value.url,
    amqpUrl: rabbit.value.url,
    managementUrl: rabbit.value.managementUrl,
    [Symbol.asyncDispose]: stop,
  };
}

interface Store {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

async function startPostgres({ dataDir, fsync }: StoresOptions): Promise<Store> {
  const bin = postgresPrograms();
  const data = join(dataDir, 'postgres');
  const owner = ownerOf('postgres');
  const password = keptPassword(dataDir, 'postgres');
  if (!existsSync(join(data, 'PG_VERSION'))) {
    rmSync(data, { recursive: true, force: true });
    mkdirSync(data, { recursive: true, mode: 0o700 });
    if (owner) chownSync(data, owner.uid, owner.gid);
    const passwordFile = join(dataDir, 'postgres.password');
    writeFileSync(passwordFile, password, { mode: 0o600 });
    if (owner) chownSync(passwordFile, owner.uid, owner.gid);
    execFileSync(
      join(bin, 'initdb'),
      [
        '-D',
        data,
        '-U',
        'postgres',
        '-A',
        'scram-sha-256',
        `--pwfile=${passwordFile}`,
        '-E',
        'UTF8',
        '--locale=C.UTF-8',
        '--no-sync',
      ],
      { ...owner, stdio: 'pipe', cwd: '/' },
    );
    rmSync(passwordFile);
  }
  const port = await freePort();
  const program = startProgram({
    name: 'postgres',
    command: join(bin, 'postgres'),
    args: [
      ...['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...['-c', `fsync=${fsync ? 'on' : 'off'}`, '-c', 'max_connections=300', '-c', 'shared_buffers=64MB'],
    ],
    ...(owner ? { owner } : {}),
    logFile: join(dataDir, 'postgres.log'),
    stopSignal: 'SIGINT',
  });
  await program.waitUntil(() => canConnect(port), 30_000);
  await program.waitUntil(() => readLog(dataDir, 'postgres.log').includes('ready to accept connections'), 30_000);
  return { url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`, stop: program.stop };
}

async function startRedis({ dataDir }: StoresOptions): Promise<Store> {
  const port = await freePort();
  const data = join(dataDir, 'redis');
  mkdirSync(data, { recursive: true });
  const program = startProgram({
    name: 'redis',
    command: 'redis-server',
    args: ['--bind', '127.0.0.1', '--port', String(port), '--dir', data, '--save', '', '--appendonly', 'no'],
    logFile: join(dataDir, 'redis.log'),
    stopSignal: 'SIGTERM',
  });
  await program.waitUntil(() => canConnect(port), 30_000);
  return { url: `redis://127.0.0.1:${port}`, stop: program.stop };
}

async function startRabbit({ dataDir }: StoresOptions): Promise<Store & { managementUrl: string }> {
  const [port, managementPort, distPort, epmdPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const home = join(dataDir, 'rabbitmq');
  mkdirSync(home, { recursive: true });
  const password = keptPassword(dataDir, 'rabbitmq');
  writeFileSync(
    join(home, 'rabbitmq.conf'),
    [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      `management.tcp.ip = 127.0.0.1`,
      `management.tcp.port = ${managementPort}`,
      `default_user = admin`,
      `default_pass = ${password}`,
      // A full disk elsewhere on a developer's machine must not block publishers here.
      `disk_free_limit.absolute = 50MB`,
      '',
    ].join('\n'),
    { mode: 0o600 },
  );
  writeFileSync(join(home, 'enabled_plugins'), '[rabbitmq_management].\n');
  const environment = {
    HOME: home,
    RABBITMQ_NODENAME: 'collab@localhost',
    RABBITMQ_MNESIA_BASE: join(home, 'mnesia'),
    RABBITMQ_LOG_BASE: home,
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(home, 'pid'),
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
  };
  // Erlang's port mapper would daemonise itself; started by us, it ends with us.
  const mapper = startProgram({
    name: 'epmd',
    command: 'epmd',
    args: [],
    environment,
    logFile: join(dataDir, 'epmd.log'),
    stopSignal: 'SIGTERM',
  });
  const program = startProgram({
    name: 'rabbitmq',
    command: rabbitServer(),
    args: [],
    environment,
    logFile: join(dataDir, 'rabbitmq.log'),
    stopSignal: 'SIGTERM',
  });
  await program.waitUntil(() => readLog(dataDir, 'rabbitmq.log').includes('Server startup complete'), 120_000);
  return {
    url: `amqp://admin:${password}@127.0.0.1:${port}`,
    managementUrl: `http://admin:${password}@127.0.0.1:${managementPort}`,
    stop: async () => {
      await program.stop();
      await mapper.stop();
    },
  };
}

function postgresPrograms(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root)
    ? readdirSync(root).filter((version) => existsSync(join(root, version, 'bin/postgres')))
    : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) throw new Error(`no PostgreSQL server below ${root}: install the package "postgresql"`);
  return join(root, newest, 'bin');
}

function rabbitServer(): string {
  // Debian's wrapper on the PATH changes the user; the script itself runs as whoever starts it.
  const debian = '/usr/lib/rabbitmq/bin/rabbitmq-server';
  return existsSync(debian) ? debian : 'rabbitmq-server';
}

/** PostgreSQL refuses to run as root, so root hands it to the account of that name. */
function ownerOf(account: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === account);
  if (!entry) throw new Error(`no account "${account}": install the package "postgresql"`);
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

/** The password that the data folder was made with: a second start of the same folder must know it. */
function keptPassword(dataDir: string, store: string): string {
  const file = join(dataDir, `${store}.secret`);
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('hex'), { mode: 0o600 });
  return readFileSync(file, 'utf8');
}

function readLog(dataDir: string, file: string): string {
  const path = join(dataDir, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
