/** What other services see: peer routes, consumed events, the trash's end. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startService } from '@collabeditor/kit';
import { freshDatabase, freshVhost, type FreshDatabase, type FreshVhost } from '../../../test/harness/fresh.ts';
import { eventually, startWorld, type Person, type World } from '../test/world.ts';

let database: FreshDatabase;
let vhost: FreshVhost;
let world: World;
let ada: Person;
let ben: Person;
let cat: Person;
let id: string;

beforeAll(async () => {
  database = await freshDatabase('documents');
  vhost = await freshVhost();
  world = await startWorld(database.url, vhost.amqpUrl);
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await vhost[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

beforeEach(async () => {
  [ada, ben, cat] = [await world.person(), await world.person(), await world.person()];
  id = await world.document(ada, 'Plan', 'text');
});

const bearer = async (person: Person) => ({ authorization: `Bearer ${await world.users.token(person)}` });
const role = async (person: Person) =>
  world.peer('GET', `/internal/documents/${id}/role`, undefined, await bearer(person));

describe('peer routes', () => {
  it('[DO37] tell the caller’s role and revision', async () => {
    await world.share(ada, id, ben, 'viewer');
    expect((await role(ada)).body).toEqual({ role: 'owner', revision: 1 });
    expect((await role(ben)).body).toEqual({ role: 'viewer', revision: 2 });
    expect((await role(cat)).status).toBe(404);
    await ada.call('DELETE', `/documents/${id}`);
    expect([(await role(ada)).status, (await role(ben)).status]).toEqual([404, 404]);
  });

  it('[DO4, DO37] tell many roles at once, with revisions that never go back', async () => {
    await world.share(ada, id, ben, 'editor');
    const unknown = randomUUID();
    const pairs = [ada, ben, cat].map(({ id: userId }) => ({ documentId: id, userId }));
    const ask = async () =>
      (await world.peer('POST', '/internal/roles', { pairs: [...pairs, { documentId: unknown, userId: ada.id }] })).body
        .roles;
    expect(await ask()).toEqual([
      { documentId: id, userId: ada.id, role: 'owner', revision: 1 },
      { documentId: id, userId: ben.id, role: 'editor', revision: 2 },
      { documentId: id, userId: cat.id, role: null, revision: 2 },
      { documentId: unknown, userId: ada.id, role: null, revision: 0 },
    ]);
    await ada.call('DELETE', `/documents/${id}/permissions/${ben.id}`);
    expect((await ask())[1]).toEqual({ documentId: id, userId: ben.id, role: null, revision: 3 });
    await ada.call('DELETE', `/documents/${id}`);
    expect((await ask()).map((pair) => pair.role)).toEqual([null, null, null, null]);
  });

  it('[DO38] tell which documents exist, live or trashed', async () => {
    const trashed = await world.document(ada);
    await ada.call('DELETE', `/documents/${trashed}`);
    const { body } = await world.peer('POST', '/internal/documents/existing', { ids: [id, randomUUID(), trashed] });
    expect(body.ids.toSorted()).toEqual([id, trashed].sort());
    expect((await world.peer('POST', '/internal/documents/existing', { ids: ['x'] })).status).toBe(422);
  });

  it('[DO39] are refused without a service token, and are not on the public port', async () => {
    const authorization = (await bearer(ada)).authorization;
    for (const token of [undefined, 'wrong', 'document-service-token']) {
      const headers = { authorization, ...(token === undefined ? {} : { 'x-service-token': token }) };
      const answer = await world.send(
        'GET',
        `${world.service.internalUrl}/internal/documents/${id}/role`,
        undefined,
        headers,
      );
      expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
    }
    expect((await world.peer('GET', `/internal/documents/${id}/role`)).status).toBe(401);
    expect(
      (
        await world.send('GET', `${world.service.publicUrl}/internal/documents/${id}/role`, undefined, {
          authorization,
        })
      ).status,
    ).toBe(404);
  });
});

describe('a deleted user', () => {
  it('[DO34, DO36] leaves owned documents to their longest-standing editor, or to the trash, and every other one', async () => {
    const alone = await world.document(ada, 'Alone');
    const onlyRead = await world.document(ada, 'Only read');
    const joined = await world.document(ben, 'Ben’s');
    const trashed = await world.document(ada, 'Trashed');
    await ada.call('DELETE', `/documents/${trashed}`);
    const dan = await world.person();
    await world.share(ada, id, dan, 'viewer');
    await world.share(ada, id, ben, 'editor');
    await world.share(ada, id, cat, 'editor');
    await world.share(ada, onlyRead, ben, 'viewer');
    await world.share(ben, joined, ada, 'editor');

    const event = randomUUID();
    for (let n = 0; n < 3; n++) await world.publish('user.deleted', { userId: ada.id }, event);
    await eventually(
      async () => (await world.db.query('SELECT 1 FROM permissions WHERE user_id = $1', [ada.id])).rowCount,
      (rows) => rows === 0,
    );

    expect((await ben.call('GET', `/documents/${id}`)).body).toMatchObject({ ownerId: ben.id, role: 'owner' });
    expect((await ben.call('GET', `/documents/${onlyRead}`)).status).toBe(404);
    expect((await ada.call('GET', `/documents/${joined}`)).status).toBe(404);
    const { rows } = await world.db.query(
      'SELECT id, trashed_at IS NOT NULL AS trashed FROM documents WHERE id = ANY ($1)',
      [[id, alone, onlyRead, joined, trashed]],
    );
    const inTrash = new Map(rows.map((row: { id: string; trashed: boolean }) => [row.id, row.trashed]));
    expect([id, alone, onlyRead, joined, trashed].map((one) => inTrash.get(one))).toEqual([
      false,
      true,
      true,
      false,
      true,
    ]);
    const said = await eventually(
      () =>
        world.events
          .filter(({ subject, type }) => subject === id && type.startsWith('permission.'))
          .map(({ type, data }) => ({ type, ...data })),
      (list) => list.some(({ type }) => type === 'permission.revoked'),
    );
    expect(said.slice(-3)).toMatchObject([
      { type: 'permission.changed', userId: ada.id, role: 'editor', revision: 5 },
      { type: 'permission.changed', userId: ben.id, role: 'owner', revision: 6 },
      { type: 'permission.revoked', userId: ada.id, revision: 7 },
    ]);
    expect(world.events.filter(({ subject, type }) => subject === alone && type === 'document.deleted')).toHaveLength(
      1,
    );
  });
});

describe('the end of the trash', () => {
  it('[DO14] deletes text, then metadata, after 30 days; a text that can’t be deleted keeps its metadata', async () => {
    const [recent, stubborn, old] = [
      await world.document(ada),
      await world.document(ada, 'S', 'text'),
      await world.document(ada, 'O', 'text'),
    ];
    for (const one of [recent, stubborn, old]) await ada.call('DELETE', `/documents/${one}`);
    const age = (one: string, days: string) =>
      world.db.query(`UPDATE documents SET trashed_at = now() - $2::interval WHERE id = $1`, [one, days]);
    await age(recent, '29 days 23 hours');
    await age(old, '32 days');
    await age(stubborn, '40 days');
    world.texts.stubborn.add(stubborn);
    const sweep = async (): Promise<void> => {
      const { definition } = await import('./app.ts');
      const service = await startService(definition, { ...world.env, TRASH_SWEEP_INTERVAL: '1s' });
      await eventually(
        async () =>
          (
            await world.db.query('SELECT 1 FROM documents WHERE id = $1', [
              world.texts.stubborn.size > 0 ? old : stubborn,
            ])
          ).rowCount,
        (rows) => rows === 0,
      );
      await service[Symbol.asyncDispose]();
    };
    await sweep();
    const left = async () =>
      (
        await world.peer('POST', '/internal/documents/existing', { ids: [recent, stubborn, old, id] })
      ).body.ids.toSorted();
    expect(await left()).toEqual([recent, stubborn, id].sort());
    expect(world.texts.texts.has(old)).toBe(false);
    world.texts.stubborn.clear();
    await sweep();
    expect(await left()).toEqual([recent, id].sort());
    expect(world.texts.texts.has(stubborn)).toBe(false);
  });
});
