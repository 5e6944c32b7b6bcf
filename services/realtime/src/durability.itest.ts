import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { eventually } from '../../../test/harness/eventually.ts';
import { freePort } from '../../../test/harness/programs.ts';
import { openSession } from '../test/session.ts';
import { type Replica, startWorld, type World } from '../test/world.ts';
import { startWriter, type Writer } from '../test/writer.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => world[Symbol.asyncDispose]());

async function query<T>(sql: string, values: unknown[] = []): Promise<T[]> {
  const client = new Client({ connectionString: world.databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows as T[];
  } finally {
    await client.end();
  }
}

/** Every acknowledged word is in the text once, at the version of its acknowledgement; nothing is there twice. */
async function expectNothingLost(documentId: string, content: string, writers: readonly Writer[]): Promise<void> {
  const words = content.split(',').slice(0, -1);
  expect(new Set(words).size).toBe(words.length);
  const rows = await query<{ version: string; edit_id: string }>(
    'SELECT version, edit_id FROM edits WHERE document_id = $1 ORDER BY version',
    [documentId],
  );
  expect(rows.map(({ version }) => Number(version))).toEqual(rows.map((_, index) => index + 1));
  expect(words.length).toBe(rows.length);
  const present = new Set(words);
  for (const { acked } of writers) {
    const missing = [...acked.keys()].filter((word) => !present.has(word.slice(0, -1)));
    expect(missing).toEqual([]);
    for (const [word, version] of acked) expect(rows[version - 1]?.edit_id).toBe(word.replace(/(\d+),$/, '-$1'));
  }
}

describe('a killed replica', () => {
  it('[RP30] loses no acknowledged edit and doubles none', async () => {
    const person = await world.person();
    const id = world.document(person);
    const [port, internal, telemetry] = [await freePort(), await freePort(), await freePort()];
    const env = {
      ...world.env,
      HOST: '127.0.0.1',
      PORT: String(port),
      INTERNAL_PORT: String(internal),
      TELEMETRY_PORT: String(telemetry),
    };
    const start = async (): Promise<ChildProcess> => {
      const main = fileURLToPath(new URL('main.ts', import.meta.url));
      const child = spawn(process.execPath, [main], {
        env: { ...env, PATH: process.env['PATH'] ?? '' },
        stdio: 'ignore',
      });
      await eventually(async () => expect((await fetch(`http://127.0.0.1:${telemetry}/readyz`)).status).toBe(200));
      return child;
    };
    let child = await start();
    await using _end = { [Symbol.asyncDispose]: async () => void child.kill('SIGKILL') };
    const connect = async () => {
      const session = openSession(`ws://127.0.0.1:${port}/ws/doc/${id}?client=w`, person.token);
      await session.opened();
      return session;
    };
    const writer = startWriter({ name: 'w', connect, window: 20 });
    let inFlight = 0;
    for (let round = 1; round <= 4; round++) {
      const before = writer.acked.size;
      await eventually(() => expect(writer.acked.size).toBeGreaterThan(before + 50));
      inFlight += writer.inFlight();
      child.kill('SIGKILL');
      child = await start();
    }
    await writer.stop();
    expect(inFlight).toBeGreaterThan(0);
    const session = await connect();
    await expectNothingLost(id, session.text, [writer]);
    session.terminate();
  });
});

describe('PostgreSQL', () => {
  it('[RP31] whose connections break in the middle of commits loses and doubles nothing', async () => {
    await using replica = await world.start();
    const person = await world.person();
    const id = world.document(person);
    const writer = startWriter({ name: 'w', connect: () => replica.session(id, person, { client: 'w' }), window: 20 });
    for (let round = 1; round <= 8; round++) {
      const before = writer.acked.size;
      await eventually(() => expect(writer.acked.size).toBeGreaterThan(before + 20));
      await query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'collab-realtime'`,
      );
    }
    await writer.stop();
    const { body } = await replica.peer('GET', `/internal/documents/${id}/content`);
    await expectNothingLost(id, String(body['content']), [writer]);
  });
});

describe('two replicas', () => {
  let one: Replica;
  let two: Replica;
  beforeAll(async () => {
    [one, two] = await Promise.all([world.start(), world.start()]);
  });
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
    await two[Symbol.asyncDispose]();
  });

  it('[RP32] edit one document together', async () => {
    const [ada, ben] = [await world.person('Ada'), await world.person('Ben')];
    const id = world.document(ada, ben);
    const reader = await two.session(id, ada);
    const writers = [
      startWriter({ name: 'a', connect: () => one.session(id, ada, { client: 'a' }), window: 1 }),
      startWriter({ name: 'b', connect: () => two.session(id, ben, { client: 'b' }), window: 1 }),
    ];
    await eventually(() => {
      for (const { acked } of writers) expect(acked.size).toBeGreaterThan(40);
    });
    await Promise.all(writers.map((writer) => writer.stop()));
    const contents = await Promise.all(
      [one, two].map((replica) => replica.peer('GET', `/internal/documents/${id}/content`)),
    );
    expect(contents[0]?.body).toEqual(contents[1]?.body);
    await expectNothingLost(id, String(contents[0]?.body['content']), writers);
    await eventually(() =>
      expect(reader).toMatchObject({ version: contents[0]?.body['version'], text: contents[0]?.body['content'] }),
    );
  });

  it('[RP33] know each other: peers, presence, one connection per client, undo', async () => {
    const [ada, ben] = [await world.person('Ada'), await world.person('Ben')];
    const id = world.document(ada, ben);
    const first = await one.session(id, ada, { client: 'a' });
    const second = await two.session(id, ben, { client: 'b' });
    await first.next(({ type, clientId }) => type === 'peer_joined' && clientId === 'b');
    second.send({ type: 'presence', version: 0, selection: { anchor: 0, head: 0 }, data: { mood: 'good' } });
    expect(await first.next('presence')).toMatchObject({
      clientId: 'b',
      name: 'Ben',
      selection: { anchor: 0, head: 0 },
      data: { mood: 'good' },
    });
    await first.edit({ type: 'insert', pos: 0, text: 'abc' });
    await second.next('operation');
    const moved = await two.session(id, ada, { client: 'a' });
    expect((await first.closed()).code).toBe(4409);
    expect(moved.text).toBe('abc');
    expect(await moved.undo()).toMatchObject({ type: 'ack', version: 2 });
    expect(moved.text).toBe('');
  });
});
