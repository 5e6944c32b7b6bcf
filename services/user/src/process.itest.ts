import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/harness/eventually.ts';
import { freePort } from '../../../test/harness/programs.ts';
import { freshDatabase, freshVhost } from '../../../test/harness/stores.ts';
import { newKey } from '../test/service.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const children: ChildProcess[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'process-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [main, ...args], { env: { PATH: process.env['PATH'] ?? '', ...env } });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exit = once(child, 'exit').then(([code]) => code as unknown);
  return { child, exit, output: () => output };
}

describe('the process', () => {
  it('[KI44] ends with 78 and lists every problem of its configuration', async () => {
    const { exit, output } = start([], { DATABASE_URL: 'mysql://me:secret@db/', PORT: 'x' });
    expect(await exit).toBe(78);
    expect(output()).toMatch(/PORT must be an integer/);
    expect(output()).toMatch(/DATABASE_URL must be a URL/);
    expect(output()).toMatch(/ISSUER is missing/);
    expect(output()).not.toContain('secret');
  });

  it('[KI44] migrates, serves, and ends with 0 on SIGTERM after the requests under way', async () => {
    await using database = await freshDatabase('users');
    await using vhost = await freshVhost();
    const keys = join(folder, 'keys.json');
    await writeFile(keys, JSON.stringify({ keys: [newKey('k')] }));
    const port = await freePort();
    const telemetry = await freePort();
    const env = {
      HOST: '127.0.0.1',
      PORT: String(port),
      INTERNAL_PORT: '0',
      TELEMETRY_PORT: String(telemetry),
      SHUTDOWN_LINGER: '300ms',
      DATABASE_URL: database.url,
      AMQP_URL: vhost.amqpUrl,
      REDIS_URL: process.env['COLLAB_TEST_REDIS_URL'] ?? '',
      ISSUER: 'https://team/ce',
      SERVICE_TOKEN: 'a-token-of-the-user-service',
      PEER_TOKEN_DOCUMENT: 'a-token-of-the-document-service',
      PEER_TOKEN_REALTIME: 'a-token-of-the-realtime-service',
      PEER_TOKEN_NOTIFICATION: 'a-token-of-the-notification-service',
      SIGNING_KEYS_FILE: keys,
    };
    expect(await start(['migrate'], env).exit).toBe(0);
    const { child, exit, output } = start([], env);
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${telemetry}/readyz`)).status).toBe(200));
    const register = () =>
      fetch(`http://127.0.0.1:${port}/auth/register`, {
        method: 'POST',
        body: JSON.stringify({ email: 'a@b.c', password: 'p4ssword' }),
      });
    const underWay = register();
    child.kill('SIGTERM');
    expect((await underWay).status).toBe(201);
    expect(await exit).toBe(0);
    for (const line of output().trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ service: 'user', level: expect.any(String), time: expect.any(String) });
    }
  });
});
