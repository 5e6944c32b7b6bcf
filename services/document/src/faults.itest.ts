import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freshDatabase, freshVhost, type FreshDatabase, type FreshVhost } from '../../../test/harness/fresh.ts';
import { proxied, type Proxy } from '../../../test/harness/proxy.ts';
import { eventually, startWorld, type Person, type World } from '../test/world.ts';

let database: FreshDatabase;
let vhost: FreshVhost;
let postgres: Proxy;
let rabbit: Proxy;
let world: World;
let ada: Person;

beforeAll(async () => {
  database = await freshDatabase('documents');
  vhost = await freshVhost();
  const [viaPostgres, viaRabbit] = [await proxied(database.url), await proxied(vhost.amqpUrl)];
  [postgres, rabbit] = [viaPostgres.proxy, viaRabbit.proxy];
  await postgres.up();
  const overrides = { DATABASE_URL: viaPostgres.url, AMQP_URL: viaRabbit.url };
  world = await startWorld(database.url, vhost.amqpUrl, overrides);
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  await rabbit[Symbol.asyncDispose]();
  await vhost[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

beforeEach(async () => {
  ada = await world.person();
});

describe('outages of stores', () => {
  it('[DO33, DO43] without the broker routes work; their events follow in order when it is back', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, (_, n) => world.document(ada, `D${n}`)));
    for (const id of ids) {
      await ada.call('PATCH', `/documents/${id}`, { title: 'changed' });
      await ada.call('DELETE', `/documents/${id}`);
      await ada.call('POST', `/documents/${id}/undelete`);
    }
    expect(world.events.filter(({ subject }) => ids.includes(subject))).toEqual([]);
    await rabbit.up();
    const of = (id: string) => world.events.filter(({ subject }) => subject === id).map(({ type }) => type);
    for (const id of ids)
      await eventually(
        () => of(id),
        (types) => types.length === 3,
      );
    for (const id of ids) expect(of(id)).toEqual(['document.created', 'document.deleted', 'document.restored']);

    await rabbit.down();
    const later = await world.document(ada);
    await rabbit.up();
    await eventually(
      () => of(later),
      (types) => types.length === 1,
    );
  });

  it('[DO43] without PostgreSQL routes answer 503 and all is well again when it is back', async () => {
    const id = await world.document(ada, 'One', 'text');
    await postgres.down();
    const answers = [
      await ada.call('GET', '/documents'),
      await ada.call('GET', `/documents/${id}`),
      await ada.call('POST', '/documents', { title: 'Two' }),
      await ada.call('PATCH', `/documents/${id}`, { title: 'Two' }),
      await ada.call('POST', `/documents/${id}/share`, { email: 'a@b.example', role: 'viewer' }),
      await ada.call('POST', '/documents', { title: 'Two' }, { 'idempotency-key': 'k' }),
    ];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(answers.map(() => [503, 'unavailable']));
    expect((await world.send('GET', `${world.service.telemetryUrl}/readyz`)).status).toBe(200);
    await postgres.up();
    const list = await eventually(
      () => ada.call('GET', '/documents'),
      ({ status }) => status === 200,
    );
    expect(list.body.items.map(({ title }) => title)).toEqual(['One']);
    expect((await ada.call('PATCH', `/documents/${id}`, { title: 'Two' })).body.title).toBe('Two');
    await eventually(
      async () => (await world.db.query('SELECT 1 FROM outbox')).rowCount,
      (rows) => rows === 0,
    );
  });

  it('[DO43] PostgreSQL cut off in the middle of many changes leaves nothing half done', async () => {
    const ben = await world.person();
    const work = Array.from({ length: 40 }, async (_, n) => {
      const made = await ada.call('POST', '/documents', { title: `W${n}` });
      if (made.status !== 201) return made.status;
      return (await ada.call('POST', `/documents/${made.body.id}/share`, { email: ben.email, role: 'editor' })).status;
    });
    await eventually(
      async () => (await world.db.query(`SELECT 1 FROM documents WHERE title LIKE 'W%'`)).rowCount,
      (rows) => (rows ?? 0) > 3,
    );
    await postgres.down();
    await postgres.up();
    const statuses = await Promise.all(work);
    expect(statuses.filter((status) => status !== 201 && status !== 503)).toEqual([]);
    await eventually(
      async () => (await world.db.query('SELECT 1 FROM outbox')).rowCount,
      (rows) => rows === 0,
    );
    const { rows } = await world.db.query<{ id: string; users: number }>(
      `SELECT d.id, (SELECT count(*) FROM permissions p WHERE p.document_id = d.id) AS users FROM documents d WHERE title LIKE 'W%'`,
    );
    // The last rows left the outbox a moment before their events get here.
    const told = (type: string, id: string): number =>
      new Set(world.events.filter((event) => event.subject === id && event.type === type).map((event) => event.id))
        .size;
    for (const { id, users } of rows) {
      const got = await eventually(
        () => [told('document.created', id), told('permission.changed', id), told('user.invited', id)],
        ([created]) => created === 1,
      );
      expect(got).toEqual([1, users - 1, users - 1]);
    }
  });
});
