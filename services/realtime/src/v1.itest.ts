import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Frame, Session } from '../test/session.ts';
import { type Person, type Replica, startWorld, type World } from '../test/world.ts';

let world: World;
let replica: Replica;
let ada: Person;

beforeAll(async () => {
  world = await startWorld();
  replica = await world.start();
  ada = await world.person('Ada');
});
afterAll(async () => world[Symbol.asyncDispose]());

const protocols = ['collab.v1'];
const edits = (version: number, ...list: [id: string, changes: unknown][]) => ({
  type: 'edits',
  version,
  edits: list.map(([id, changes]) => ({ id, changes })),
});

async function operations(session: Session, last: string): Promise<Frame> {
  return session.next(
    ({ type, operations: list }) => type === 'operations' && (list as { id?: string }[]).at(-1)?.id === last,
  );
}

describe('collab.v1', () => {
  it('[RP40] transforms, brings the author his own edits, and resumes', async () => {
    const id = world.document(ada);
    const first = await replica.session(id, ada, { client: 'a', protocols });
    const plain = await replica.session(id, ada, { client: 'p' });
    expect(first.frames[0]).toMatchObject({ type: 'initial_state', version: 0, rev: '0' });
    first.send(edits(0, ['1', [[0, 'world']]], ['2', [5, [0, '!']]]));
    const frame = await operations(first, '2');
    expect(frame).toMatchObject({
      version: 0,
      operations: [
        { changes: [[0, 'world']], clientId: 'a', id: '1' },
        { changes: [5, [0, '!']], id: '2' },
      ],
    });
    // Against version 0: the world is there already, and stands first.
    const second = await replica.session(id, ada, { client: 'b', protocols });
    second.send(edits(0, ['x', [[0, '?']]]));
    expect(await operations(first, 'x')).toMatchObject({
      version: 2,
      operations: [{ changes: [6, [0, '?']], clientId: 'b' }],
    });
    await plain.next(() => plain.version === 3);
    expect(plain.text).toBe('world!?');
    second.send(edits(0, ['x', [[0, '?']]]));
    expect(await second.next('ack')).toEqual({ type: 'ack', id: 'x', version: 3, duplicate: true });
    second.send(edits(3, ['y', [7, [0, '.']]], ['z', [1]]));
    expect(await second.next('error')).toMatchObject({ code: 'invalid_operation', id: 'z' });
    await first.close();
    const query = { since: '2', rev: String(frame['rev']) };
    const resumed = await replica.session(id, ada, { client: 'a', protocols, query });
    expect(resumed.frames[0]).toMatchObject({ type: 'resumed', version: 3, clientId: 'a', role: 'owner' });
    expect(await operations(resumed, 'x')).toMatchObject({ version: 2 });
    const cut = await replica.session(id, ada, { client: 'b', protocols, query: { since: '2', rev: 'other' } });
    expect(cut.frames[0]).toMatchObject({
      type: 'out_of_sync',
      content: 'world!?',
      version: 3,
      applied: [{ id: 'x', version: 3 }],
    });
  });

  it('[RP40] takes one frame at a time, and refuses frames of the other dialect', async () => {
    const session = await replica.session(world.document(ada), ada, { protocols });
    session.send(edits(0, ['1', [[0, 'a']]]));
    session.send(edits(0, ['2', [[0, 'b']]]));
    expect(await session.next('error')).toMatchObject({ code: 'in_flight', id: '2' });
    await operations(session, '1');
    session.send({ type: 'insert', pos: 0, text: 'a', version: 1 });
    expect(await session.next('error')).toMatchObject({ code: 'unknown_type' });
    session.send({ type: 'edits', version: 1, edits: [{ changes: [1, [0, 'b']] }] });
    expect(await session.next('error')).toMatchObject({ code: 'invalid_frame' });
    session.send({ type: 'undo', id: 'u' });
    expect(await operations(session, 'u')).toMatchObject({ version: 1, operations: [{ changes: [[1]], id: 'u' }] });
  });
});
