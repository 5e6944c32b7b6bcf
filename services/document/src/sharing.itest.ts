import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AnyEvent, EventType } from '@collabeditor/contracts';
import { freshDatabase, freshVhost, type FreshDatabase, type FreshVhost } from '../../../test/harness/fresh.ts';
import { eventually, startWorld, type Person, type World } from '../test/world.ts';

let database: FreshDatabase;
let vhost: FreshVhost;
let world: World;
let ada: Person;
let ben: Person;
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
  world.clock.shiftMs = 0;
  ada = await world.person({ name: 'Ada' });
  ben = await world.person({ name: 'Ben' });
  id = await world.document(ada, 'Plan');
});

/** The document's events of a type, once there are as many as expected and the outbox is empty. */
async function events(type: EventType, count: number): Promise<AnyEvent[]> {
  const of = (): AnyEvent[] => world.events.filter((event) => event.subject === id && event.type === type);
  await eventually(of, (list) => list.length >= count);
  await eventually(
    async () => (await world.db.query('SELECT 1 FROM outbox')).rowCount,
    (rows) => rows === 0,
  );
  expect(of()).toHaveLength(count);
  return of();
}

const share = (email: string, role = 'editor', by = ada) => by.call('POST', `/documents/${id}/share`, { email, role });
const roleOf = async (person: Person): Promise<unknown> => {
  const { status, body } = await person.call('GET', `/documents/${id}/permissions/me`);
  return status === 200 ? body.role : status;
};

describe('sharing with a user', () => {
  it('[DO17] gives a verified user the role, mails and says so', async () => {
    const answer = await share(`  ${ben.email.toUpperCase()} `, 'viewer');
    expect([answer.status, answer.body]).toEqual([
      201,
      { userId: ben.id, email: ben.email, name: 'Ben', role: 'viewer' },
    ]);
    expect(await roleOf(ben)).toBe('viewer');
    const [invited] = await events('user.invited', 1);
    expect(invited?.data).toEqual({
      documentId: id,
      documentTitle: 'Plan',
      invitedBy: { id: ada.id, email: ada.email, name: 'Ada' },
      email: ben.email,
      userId: ben.id,
      role: 'viewer',
      invitationId: null,
      invitationToken: null,
    });
    const [changed] = await events('permission.changed', 1);
    expect(changed?.data).toEqual({ documentId: id, userId: ben.id, role: 'viewer', revision: 2 });
  });

  it('[DO4, DO18] changes the role of a user of the document, verified or not, and mails nothing', async () => {
    await share(ben.email, 'viewer');
    world.users.users.set(ben.id, { id: ben.id, email: ben.email, name: ben.name, verified: false });
    expect(await share(ben.email, 'editor')).toMatchObject({ status: 200, body: { userId: ben.id, role: 'editor' } });
    expect(await share(ben.email, 'editor')).toMatchObject({ status: 200, body: { role: 'editor' } });
    const changes = await events('permission.changed', 2);
    const revisions = changes.map((event) => ('revision' in event.data ? event.data.revision : 0));
    expect(revisions[1]).toBeGreaterThan(revisions[0] ?? Infinity);
    await events('user.invited', 1);
  });

  it('[DO21, DO16] refuses the owner, other roles and what is no address', async () => {
    expect(await share(ada.email)).toMatchObject({ status: 409, body: { code: 'is_owner' } });
    for (const body of [
      { email: ben.email, role: 'owner' },
      { email: ben.email },
      { role: 'editor' },
      { email: 'ben', role: 'editor' },
      { email: 'a@b\u0000', role: 'editor' },
      { email: 'a b@c', role: 'editor' },
      { email: ['a@b'], role: 'editor' },
    ]) {
      expect(await ada.call('POST', `/documents/${id}/share`, body)).toMatchObject({
        status: 422,
        body: { code: 'invalid_request' },
      });
    }
    expect((await ada.call('GET', `/documents/${id}/invitations`)).body.items).toEqual([]);
  });

  it('[DO32] answers 503 while user-service is away, and shares nothing', async () => {
    world.users.away = true;
    const answer = await share(ben.email);
    const listed = await ada.call('GET', '/documents');
    world.users.away = false;
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(listed.status).toBe(200);
    expect(await roleOf(ben)).toBe(404);
  });

  it('[DO22] lists who is on it, the owner first, and pages', async () => {
    const cat = await world.person({ name: 'Cat' });
    await share(ben.email, 'editor');
    await share(cat.email, 'viewer');
    const all = (await cat.call('GET', `/documents/${id}/permissions`)).body;
    expect(all.nextCursor).toBeNull();
    expect(all.items.map(({ name, role }) => [name, role])).toEqual([
      ['Ada', 'owner'],
      ['Ben', 'editor'],
      ['Cat', 'viewer'],
    ]);
    const paged: unknown[] = [];
    for (let cursor = ''; ;) {
      const { body } = await ada.call('GET', `/documents/${id}/permissions?limit=1${cursor}`);
      paged.push(...body.items);
      if (body.nextCursor === null) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    expect(paged).toEqual(all.items);
  });
});

describe('leaving and removing', () => {
  it('[DO4, DO22] anyone but the owner may leave, the owner may remove others', async () => {
    const cat = await world.person({ name: 'Cat' });
    await share(ben.email, 'editor');
    await share(cat.email, 'viewer');
    expect((await ben.call('DELETE', `/documents/${id}/permissions/${cat.id}`)).status).toBe(403);
    expect((await ben.call('DELETE', `/documents/${id}/permissions/${ben.id.toUpperCase()}`)).status).toBe(204);
    expect(await roleOf(ben)).toBe(404);
    expect((await ada.call('DELETE', `/documents/${id}/permissions/${cat.id}`)).status).toBe(204);
    expect((await ada.call('DELETE', `/documents/${id}/permissions/${cat.id}`)).status).toBe(404);
    expect((await ada.call('DELETE', `/documents/${id}/permissions/nonsense`)).status).toBe(404);
    expect(await ada.call('DELETE', `/documents/${id}/permissions/${ada.id}`)).toMatchObject({
      status: 409,
      body: { code: 'owner_cannot_leave' },
    });
    const revoked = await events('permission.revoked', 2);
    expect(revoked.map((event) => event.data)).toEqual([
      { documentId: id, userId: ben.id, revision: 4 },
      { documentId: id, userId: cat.id, revision: 5 },
    ]);
    await share(ben.email, 'viewer');
    const changed = await events('permission.changed', 3);
    expect(changed[2]?.data).toMatchObject({ userId: ben.id, revision: 6 });
  });

  it('[DO3, DO23] transfer makes a user of the document the owner, and the former owner an editor', async () => {
    await share(ben.email, 'viewer');
    const stranger = await world.person();
    expect((await ada.call('POST', `/documents/${id}/transfer`, { userId: stranger.id })).status).toBe(404);
    expect((await ada.call('POST', `/documents/${id}/transfer`, { userId: 'x' })).status).toBe(422);
    expect((await ada.call('POST', `/documents/${id}/transfer`, { userId: ada.id })).status).toBe(409);
    const before = (await ada.call('GET', `/documents/${id}`)).headers.get('etag');
    const answer = await ada.call('POST', `/documents/${id}/transfer`, { userId: ben.id });
    expect(answer).toMatchObject({ status: 200, body: { id, ownerId: ben.id, role: 'editor' } });
    expect(answer.headers.get('etag')).not.toBe(before);
    expect([await roleOf(ada), await roleOf(ben)]).toEqual(['editor', 'owner']);
    expect((await events('permission.changed', 3)).slice(1).map((event) => event.data)).toMatchObject([
      { userId: ada.id, role: 'editor' },
      { userId: ben.id, role: 'owner' },
    ]);
  });

  it('[DO3] of transfers at the same time one wins and there is one owner', async () => {
    const others = await Promise.all([world.person(), world.person(), world.person()]);
    for (const other of others) await share(other.email);
    const answers = await Promise.all(
      others.map((other) => ada.call('POST', `/documents/${id}/transfer`, { userId: other.id })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403, 403]);
    const { rows } = await world.db.query(`SELECT user_id FROM permissions WHERE document_id = $1 AND role = 'owner'`, [
      id,
    ]);
    expect(rows).toHaveLength(1);
  });
});

describe('invitations', () => {
  const fresh = (): string => `${randomUUID().slice(0, 8)}@Example.com`;

  it('[DO19] invite an address that nobody has verified', async () => {
    const email = fresh();
    const answer = await share(email, 'viewer');
    expect(answer.status).toBe(201);
    const { invitation } = answer.body;
    expect(invitation).toEqual({ id: invitation.id, email, role: 'viewer', expiresAt: invitation.expiresAt });
    expect((await ada.call('GET', `/documents/${id}/invitations`)).body).toEqual({
      items: [invitation],
      nextCursor: null,
    });
    const [invited] = await events('user.invited', 1);
    expect(invited?.data).toMatchObject({ email, userId: null, invitationId: invitation.id });
    const token = invited && 'invitationToken' in invited.data ? invited.data.invitationToken : null;
    expect(token).toMatch(/^[\w-]{32}$/);
    const { rows } = await world.db.query<{ row: string }>('SELECT i::text AS row FROM invitations i WHERE id = $1', [
      invitation.id,
    ]);
    expect(rows[0]?.row).not.toContain(token);

    const unverified = await world.person({ verified: false });
    expect((await share(unverified.email)).body.invitation.email).toBe(unverified.email);
  });

  it('[DO20] are renewed by sharing again, and withdrawn', async () => {
    const email = fresh();
    const { invitation } = (await share(email, 'viewer')).body;
    world.clock.shiftMs = 1000;
    const again = await share(email.toLowerCase(), 'editor');
    expect(again).toMatchObject({ status: 200, body: { invitation: { id: invitation.id, role: 'editor' } } });
    expect(again.body.invitation.expiresAt > invitation.expiresAt).toBe(true);
    const tokens = (await events('user.invited', 2)).map((event) =>
      'invitationToken' in event.data ? event.data.invitationToken : null,
    );
    expect(new Set(tokens).size).toBe(2);
    expect((await ada.call('DELETE', `/documents/${id}/invitations/${invitation.id}`)).status).toBe(204);
    expect((await ada.call('DELETE', `/documents/${id}/invitations/${invitation.id}`)).status).toBe(404);
    expect((await ada.call('GET', `/documents/${id}/invitations`)).body.items).toEqual([]);
  });

  it('[DO25, DO36] are claimed by user.verified, once however often it comes', async () => {
    const cat = await world.person({ verified: false });
    const other = await world.document(ben, 'Other');
    await share(cat.email.toUpperCase(), 'editor');
    await ben.call('POST', `/documents/${other}/share`, { email: cat.email, role: 'viewer' });
    const event = randomUUID();
    world.users.users.set(cat.id, { id: cat.id, email: cat.email, name: cat.name, verified: true });
    for (let n = 0; n < 3; n++) {
      await world.publish('user.verified', { userId: cat.id, email: cat.email, name: cat.name }, event);
    }
    await eventually(
      () => roleOf(cat),
      (role) => role === 'editor',
    );
    const [changed] = await events('permission.changed', 1);
    expect(changed?.data).toMatchObject({ userId: cat.id, role: 'editor' });
    expect((await cat.call('GET', '/documents')).body.items).toHaveLength(2);
    expect((await ada.call('GET', `/documents/${id}/invitations`)).body.items).toEqual([]);
  });

  it('[DO25] are not claimed by the late event of a user who is gone', async () => {
    const email = fresh();
    const { invitation } = (await share(email)).body;
    const gone = randomUUID();
    await world.publish('user.verified', { userId: gone, email, name: 'Gone' });
    await eventually(
      () => world.users.lookups,
      (ids) => ids.includes(gone),
    );
    expect((await ada.call('GET', `/documents/${id}/invitations`)).body.items).toEqual([invitation]);
  });

  it('[DO26] are claimed when a verified addressee opens or lists documents, never by an unverified one', async () => {
    const cat = await world.person({ verified: false });
    await share(cat.email, 'editor');
    expect(await roleOf(cat)).toBe(404);
    expect((await cat.call('GET', '/documents')).body.items).toEqual([]);
    world.users.users.set(cat.id, { id: cat.id, email: cat.email, name: cat.name, verified: true });
    expect((await cat.call('PATCH', `/documents/${id}`, { title: 'By Cat' })).status).toBe(200);

    const dan = await world.person();
    const { email } = dan;
    world.users.users.set(dan.id, { ...dan, verified: false });
    await share(email, 'viewer');
    world.users.users.set(dan.id, { id: dan.id, email, name: dan.name, verified: true });
    expect((await dan.call('GET', '/documents')).body.items).toMatchObject([{ id, role: 'viewer' }]);
    const token = `Bearer ${await world.users.token(dan)}`;
    expect(
      (await world.peer('GET', `/internal/documents/${id}/role`, undefined, { authorization: token })).body.role,
    ).toBe('viewer');
  });

  it('[DO26] a token that names an address is no proof of it', async () => {
    const email = fresh();
    await share(email);
    const eve = await world.person({ email: fresh() });
    const forged = `Bearer ${await world.users.token({ ...eve, email })}`;
    const answer = await world.send('GET', `${world.service.publicUrl}/documents/${id}`, undefined, {
      authorization: forged,
    });
    expect(answer.status).toBe(404);
  });

  it('[DO27] never lower a role and die with their time', async () => {
    const cat = await world.person({ verified: false });
    await share(cat.email, 'viewer');
    const { token } = (await ada.call('POST', `/documents/${id}/link`, { role: 'editor' })).body;
    expect((await cat.call('POST', '/documents/join', { token })).status).toBe(200);
    world.users.users.set(cat.id, { id: cat.id, email: cat.email, name: cat.name, verified: true });
    await world.publish('user.verified', { userId: cat.id, email: cat.email, name: cat.name });
    await eventually(
      async () => (await ada.call('GET', `/documents/${id}/invitations`)).body.items.length,
      (n) => n === 0,
    );
    expect(await roleOf(cat)).toBe('editor');

    const late = await world.person({ verified: false });
    await share(late.email);
    await world.db.query(`UPDATE invitations SET expires_at = now() - interval '1 s' WHERE document_id = $1`, [id]);
    world.users.users.set(late.id, { id: late.id, email: late.email, name: late.name, verified: true });
    const listed = await ada.call('GET', `/documents/${id}/invitations`);
    expect(listed.body.items).toEqual([]);
    await expect(world.db.query('SELECT 1 FROM invitations WHERE document_id = $1', [id])).resolves.toMatchObject({
      rowCount: 1,
    });
    expect(await roleOf(late)).toBe(404);
  });
});

describe('links', () => {
  it('[DO24] give their role and never lower one; a new one or a removal ends the old one', async () => {
    const made = await ada.call('POST', `/documents/${id}/link`, { role: 'viewer' });
    expect(made).toMatchObject({ status: 201, body: { role: 'viewer' } });
    const join = (person: Person, token: unknown) => person.call('POST', '/documents/join', { token });
    expect(await join(ben, made.body.token)).toMatchObject({ status: 200, body: { id, role: 'viewer' } });
    expect(await join(ada, made.body.token)).toMatchObject({ status: 200, body: { role: 'owner' } });
    const stronger = (await ada.call('POST', `/documents/${id}/link`, { role: 'editor' })).body.token;
    expect((await join(ben, made.body.token)).status).toBe(404);
    expect((await join(ben, stronger)).body.role).toBe('editor');
    const weaker = (await ada.call('POST', `/documents/${id}/link`, { role: 'viewer' })).body.token;
    expect((await join(ben, weaker)).body.role).toBe('editor');
    const { rows } = await world.db.query<{ row: string }>(
      'SELECT l::text AS row FROM links l WHERE document_id = $1',
      [id],
    );
    expect(rows[0]?.row).not.toContain(weaker);
    expect((await ada.call('DELETE', `/documents/${id}/link`)).status).toBe(204);
    expect((await ada.call('DELETE', `/documents/${id}/link`)).status).toBe(204);
    for (const token of [weaker, 'nonsense', '\u0000']) expect((await join(ben, token)).status).toBe(404);
    expect((await join(ben, 5)).status).toBe(422);
  });

  it('[DO24, DO12] of a trashed document let nobody in', async () => {
    const { token } = (await ada.call('POST', `/documents/${id}/link`, { role: 'viewer' })).body;
    await ada.call('DELETE', `/documents/${id}`);
    expect((await ben.call('POST', '/documents/join', { token })).status).toBe(404);
  });
});
