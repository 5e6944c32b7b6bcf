import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { until } from '../../test/cluster.ts';
import { sampleInput } from '../../test/sample.ts';
import { freePort, startProgram } from '../../../test/harness/programs.ts';
import type { Program } from '../../../test/harness/programs.ts';
import { desired } from './index.ts';

/** The scripts of a store's ConfigMap, run as processes: its paths lead into a folder of the test, its port is a free one. */
const folders: string[] = [];
const programs: Program[] = [];

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('PostgreSQL', () => {
  it('[OR21] starts empty, keeps its data and takes a changed password', async () => {
    const store = await place('postgres', 5432, { password: 'first' });
    prepare(store);
    await start(store);
    await query(store, 'first', 'CREATE TABLE kept (n int)');
    const { rows } = await query(store, 'first', 'SHOW data_checksums');
    expect(rows).toEqual([{ data_checksums: 'on' }]);
    await stopAll();

    writeFileSync(join(store.root, 'secrets/password'), 'second');
    prepare(store);
    await start(store);
    await query(store, 'second', 'INSERT INTO kept VALUES (1)');
    await expect(query(store, 'first', 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  it('[OR23] leaves the size of its volume in a file', async () => {
    const store = await place('postgres', 5432, { password: 'first' });
    prepare(store);
    await start(store);
    const file = join(store.root, 'run/volume');
    await until('the file is there', () => existsSync(file));
    expect(readFileSync(file, 'utf8')).toMatch(/\n\S+\s+\d+\s+\d+\s+\d+\s+\d+% /);
  });

  it('[OR24] logs no value, and nothing while all is well', async () => {
    const store = await place('postgres', 5432, { password: 'first' });
    prepare(store);
    await start(store);
    const log = () => readFileSync(join(store.root, 'log'), 'utf8');
    const before = log();
    await query(store, 'first', 'CREATE TABLE kept (text text UNIQUE CHECK (length(text) < 20))');
    await query(store, 'first', "INSERT INTO kept VALUES ('canary')");
    await query(store, 'first', "ALTER ROLE postgres PASSWORD 'first'");
    await query(store, 'first', 'CHECKPOINT');
    expect(log()).toBe(before);
    await expect(query(store, 'first', "INSERT INTO kept VALUES ('canary')")).rejects.toThrow(/duplicate/);
    await expect(query(store, 'first', "INSERT INTO kept VALUES ('canary canary canary')")).rejects.toThrow(/check/);
    await until('the errors are told', () => log().includes('kept_text_check'));
    const lines = log().slice(before.length).trim().split('\n');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC \[\d+\] ERROR: {2}/);
    expect(log()).not.toContain('canary');
  });

  it('[OR21] waits with a message where the data is of another version, and touches nothing', async () => {
    const store = await place('postgres', 5432, { password: 'first' });
    mkdirSync(join(store.root, 'data/pgdata'));
    writeFileSync(join(store.root, 'data/pgdata/PG_VERSION'), '9\n');
    own(store);
    prepare(store);
    expect(readFileSync(join(store.root, 'termination-log'), 'utf8')).toMatch(
      /^DataVersion: the volume holds data of version 9, the image brings version \d+/,
    );
    expect(existsSync(join(store.root, 'run/wrong-version'))).toBe(true);
    expect(readFileSync(join(store.root, 'data/pgdata/PG_VERSION'), 'utf8')).toBe('9\n');
  });

  it('[OR21] leaves a folder alone that is no database', async () => {
    const store = await place('postgres', 5432, { password: 'first' });
    mkdirSync(join(store.root, 'data/pgdata'));
    own(store);
    expect(() => prepare(store)).toThrow(/exists without PG_VERSION/);
  });
});

describe('Redis', () => {
  it('[OR22] gives each service its own keys and channels', async () => {
    const store = await place('redis', 6379, { password: 'admin', user: 'u', document: 'd', realtime: 'r' });
    prepare(store);
    await start(store);
    const as = (username: string, password: string) =>
      new Redis({ port: store.port, username, password, lazyConnect: true, retryStrategy: () => null });
    const realtime = as('realtime', 'r');
    const operator = as('operator', 'admin');
    try {
      await realtime.connect();
      expect(await realtime.set('realtime:a', '1')).toBe('OK');
      expect(await realtime.publish('realtime:b', '1')).toBe(0);
      await expect(realtime.set('user:a', '1')).rejects.toThrow(/NOPERM/);
      await expect(realtime.publish('user:b', '1')).rejects.toThrow(/NOPERM/);
      await expect(realtime.call('CONFIG', 'GET', '*')).rejects.toThrow(/NOPERM/);
      await operator.connect();
      expect(await operator.call('ACL', 'USERS')).toEqual(
        expect.arrayContaining(['document', 'operator', 'realtime', 'user']),
      );
    } finally {
      realtime.disconnect();
      operator.disconnect();
    }
    const nobody = new Redis({ port: store.port, lazyConnect: true, retryStrategy: () => null });
    const refusal = new Promise<Error>((resolve) => nobody.once('error', resolve));
    await expect(nobody.connect()).rejects.toThrow();
    expect((await refusal).message).toMatch(/NOAUTH/);
    nobody.disconnect();
    await stopAll();

    writeFileSync(join(store.root, 'data/version'), '99\n');
    prepare(store);
    expect(readFileSync(join(store.root, 'termination-log'), 'utf8')).toMatch(
      /^DataVersion: the volume holds data of version 99/,
    );
  });
});

interface Store {
  name: string;
  root: string;
  port: number;
  owner: { uid: number; gid: number };
}

async function place(
  name: 'postgres' | 'redis',
  standardPort: number,
  secrets: Record<string, string>,
): Promise<Store> {
  const root = mkdtempSync(join(tmpdir(), 'collabeditor-store-'));
  folders.push(root);
  const store = { name, root, port: await freePort(), owner: ownerOf(name) };
  for (const folder of ['data', 'config', 'secrets', 'run']) mkdirSync(join(root, folder));
  for (const [key, value] of Object.entries(secrets)) writeFileSync(join(root, 'secrets', key), value);
  const config = desired(sampleInput()).stores.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === `team-${name}`,
  );
  for (const [file, text] of Object.entries(config?.['data'] as Record<string, string>)) {
    const here = text
      .replaceAll('/etc/collabeditor', `${root}/config`)
      .replaceAll('/run/secrets/collabeditor', `${root}/secrets`)
      .replaceAll('/run/store', `${root}/run`)
      .replaceAll('/dev/termination-log', `${root}/termination-log`)
      .replaceAll(/(?<![\w.])\/data\b/g, `${root}/data`)
      .replaceAll(`port ${standardPort}`, `port ${store.port}`);
    writeFileSync(join(root, 'config', file), file === 'postgresql.conf' ? `${here}port = ${store.port}\n` : here);
  }
  chmodSync(root, 0o755);
  own(store);
  return store;
}

function own({ root, owner }: Store): void {
  chownSync(root, owner.uid, owner.gid);
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', `${owner.uid}:${owner.gid}`, root]);
}

function prepare(store: Store): void {
  rmSync(join(store.root, 'termination-log'), { force: true });
  const result = spawnSync(
    'setpriv',
    [
      `--reuid=${store.owner.uid}`,
      `--regid=${store.owner.gid}`,
      '--clear-groups',
      'sh',
      join(store.root, 'config/prepare.sh'),
    ],
    {
      encoding: 'utf8',
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    },
  );
  if (result.status !== 0) throw new Error(`${result.stdout}\n${result.stderr}`);
}

async function start(store: Store): Promise<void> {
  const program = startProgram({
    name: store.name,
    command: 'sh',
    args: [join(store.root, 'config/start.sh')],
    owner: store.owner,
    logFile: join(store.root, 'log'),
    stopSignal: store.name === 'postgres' ? 'SIGINT' : 'SIGTERM',
  });
  programs.push(program);
  const said = store.name === 'postgres' ? 'ready to accept connections' : 'Ready to accept connections';
  await program.waitUntil(() => readFileSync(join(store.root, 'log'), 'utf8').includes(said), 30_000);
}

async function stopAll(): Promise<void> {
  for (const program of programs.splice(0)) await program.stop();
}

async function query({ port }: Store, password: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' });
  try {
    await client.connect();
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

/** The account that the machine's package made; without root, the one that runs the test. */
function ownerOf(name: string): { uid: number; gid: number } {
  if (process.getuid?.() !== 0) return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const [, , uid = '0', gid = '0'] = (
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${name}:`)) ?? ''
  ).split(':');
  return { uid: Number(uid), gid: Number(gid) };
}
