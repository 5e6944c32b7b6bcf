/** The matrix route × role, generated from the routes themselves: a new route without an expectation fails. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { documentRoutes } from '@collabeditor/contracts';
import { freshDatabase, freshVhost, type FreshDatabase, type FreshVhost } from '../../../test/harness/fresh.ts';
import { startWorld, type Person, type World } from '../test/world.ts';

const kinds = ['owner', 'editor', 'viewer', 'invited', 'stranger', 'anonymous', 'forged'] as const;
type Kind = (typeof kinds)[number];
type RouteName = keyof typeof documentRoutes;

/** Success of those who may; the rest follows from the roles table of the contract. */
const yes: Record<RouteName, number> = {
  create: 201,
  list: 200,
  join: 404,
  get: 200,
  getContent: 200,
  history: 200,
  permissions: 200,
  myPermission: 200,
  patch: 200,
  putContent: 200,
  restore: 200,
  remove: 204,
  undelete: 200,
  share: 201,
  invitations: 200,
  removeInvitation: 204,
  transfer: 200,
  createLink: 201,
  removeLink: 204,
  removePermission: 204,
};
const reading: readonly RouteName[] = ['get', 'getContent', 'history', 'permissions', 'myPermission'];
const editing: readonly RouteName[] = ['patch', 'putContent', 'restore'];
const ofNoDocument: readonly RouteName[] = ['create', 'list', 'join'];

function expected(route: RouteName, kind: Kind): number {
  if (kind === 'anonymous' || kind === 'forged') return 401;
  if (ofNoDocument.includes(route)) return yes[route];
  if (kind === 'invited' || kind === 'stranger') return 404;
  if (kind === 'owner' || reading.includes(route)) return yes[route];
  return kind === 'editor' && editing.includes(route) ? yes[route] : 403;
}

const bodies: Partial<Record<RouteName, (other: Person) => unknown>> = {
  create: () => ({ title: 'T' }),
  join: () => ({ token: 'unknown' }),
  patch: () => ({ title: 'Changed' }),
  putContent: () => ({ content: 'changed' }),
  restore: () => ({ version: 1 }),
  share: () => ({ email: `${randomUUID().slice(0, 8)}@example.com`, role: 'viewer' }),
  transfer: (other) => ({ userId: other.id }),
  createLink: () => ({ role: 'viewer' }),
};

let database: FreshDatabase;
let vhost: FreshVhost;
let world: World;

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

interface Scene {
  readonly id: string;
  readonly invitationId: string;
  readonly other: Person;
  readonly people: Record<Exclude<Kind, 'anonymous' | 'forged'>, Person>;
}

async function scene(): Promise<Scene> {
  const [owner, editor, viewer, other, stranger] = await Promise.all(Array.from({ length: 5 }, () => world.person()));
  const invited = await world.person({ verified: false });
  if (!owner || !editor || !viewer || !other || !stranger) throw new Error('people are missing');
  const id = await world.document(owner, 'Title', 'text');
  await world.share(owner, id, editor, 'editor');
  await world.share(owner, id, viewer, 'viewer');
  await world.share(owner, id, other, 'viewer');
  const { body } = await owner.call('POST', `/documents/${id}/share`, { email: invited.email, role: 'editor' });
  return { id, invitationId: body.invitation.id, other, people: { owner, editor, viewer, invited, stranger } };
}

async function ask(
  name: RouteName,
  kind: Kind,
  { id, invitationId, other, people }: Scene,
): Promise<{ status: number; code: unknown }> {
  const route = documentRoutes[name];
  const path = route.path.replace('{id}', id).replace('{invitationId}', invitationId).replace('{userId}', other.id);
  const body = bodies[name]?.(other);
  const headers = name === 'putContent' ? { 'if-match': '"1"' } : {};
  const url = `${world.service.publicUrl}${path}`;
  const answer =
    kind === 'anonymous'
      ? await world.send(route.method.toUpperCase(), url, body, headers)
      : kind === 'forged'
        ? await world.send(route.method.toUpperCase(), url, body, { ...headers, authorization: 'Bearer a.b.c' })
        : await people[kind].call(route.method.toUpperCase(), path, body, headers);
  return { status: answer.status, code: answer.body.code };
}

/** Everything that a refused request must leave as it was. */
async function state({ id }: Scene): Promise<unknown> {
  const tables = ['documents', 'permissions', 'invitations', 'links'];
  const rows = await Promise.all(
    tables.map((table) =>
      world.db.query<{ row: string }>(
        `SELECT t::text AS row FROM ${table} t WHERE t.${table === 'documents' ? 'id' : 'document_id'} = $1 ORDER BY 1`,
        [id],
      ),
    ),
  );
  return [rows.map((result) => result.rows), world.texts.texts.get(id)?.length];
}

describe('the roles table', () => {
  it('[DO1] holds for every route and every kind of caller', async () => {
    const got: Record<string, Record<string, number>> = {};
    const want: typeof got = {};
    const codes: Record<number, string> = { 401: 'unauthenticated', 403: 'forbidden', 404: 'not_found' };
    for (const name of Object.keys(documentRoutes) as RouteName[]) {
      const [gotRow, wantRow]: Record<string, number>[] = [{}, {}];
      if (!gotRow || !wantRow) continue;
      // Those who may come last: what they do changes the scene.
      const stage = await scene();
      const before = await state(stage);
      for (const kind of [...kinds].reverse()) {
        wantRow[kind] = expected(name, kind);
        const here = wantRow[kind] < 300 && !reading.includes(name) ? await scene() : stage;
        const { status, code } = await ask(name, kind, here);
        gotRow[kind] = status;
        if (status >= 400) expect([name, kind, code]).toEqual([name, kind, codes[status]]);
      }
      expect([name, await state(stage)]).toEqual([name, before]);
      got[name] = gotRow;
      want[name] = wantRow;
    }
    expect(got).toEqual(want);
    expect(Object.keys(got)).toHaveLength(Object.keys(yes).length);
  });

  it('[DO1, DO22] everyone but the owner may take the own row away', async () => {
    const { id, people } = await scene();
    const leave = async (person: Person): Promise<number> =>
      (await person.call('DELETE', `/documents/${id}/permissions/${person.id}`)).status;
    expect([
      await leave(people.editor),
      await leave(people.viewer),
      await leave(people.owner),
      await leave(people.stranger),
    ]).toEqual([204, 204, 409, 404]);
  });
});
