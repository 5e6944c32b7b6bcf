import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Session } from '../test/session.ts';
import { type UndoStep, undoCases } from '../test/undo-cases.ts';
import { type Person, type Replica, startWorld, type World } from '../test/world.ts';

let world: World;
let replica: Replica;
let people: { A: Person; B: Person };

beforeAll(async () => {
  world = await startWorld();
  replica = await world.start();
  people = { A: await world.person('Ada'), B: await world.person('Ben') };
});
afterAll(async () => world[Symbol.asyncDispose]());

type Sessions = Record<'A' | 'B', Session>;

async function play(documentId: string, sessions: Sessions, step: UndoStep): Promise<void> {
  const session = sessions[step.by];
  // Both see everything before the next step.
  const newest = Math.max(sessions.A.version, sessions.B.version);
  for (const one of [sessions.A, sessions.B]) while (one.version < newest) await one.next('operation');
  if (step.do === 'reconnect') {
    await session.close();
    sessions[step.by] = await replica.session(documentId, people[step.by]);
    return;
  }
  const version = step.stale ? session.version - 1 : session.version;
  const [pos, len, text] = [step.pos ?? 0, step.len ?? 0, step.text ?? ''];
  const edit =
    step.do === 'insert' ? ({ type: 'insert', pos, text } as const) : ({ type: 'delete', pos, len } as const);
  const isUndo = step.do === 'undo' || step.do === 'redo';
  const frame = isUndo ? { type: step.do, id: randomUUID() } : { ...edit, version, id: randomUUID() };
  session.send(frame);
  const answer = await session.next(({ id }) => id === frame.id);
  expect(answer).toMatchObject(
    step.stale ? { type: 'out_of_sync' } : step.refused ? { type: 'error', code: step.refused } : { type: 'ack' },
  );
  if (!isUndo && answer.type === 'ack') session.apply(edit);
}

describe('undo and redo', () => {
  it('are tried in twelve cases', () => {
    expect(undoCases).toHaveLength(12);
  });

  it.each(undoCases.map((one) => [one.name, one] as const))(
    '[RP20] %s',
    async (_name, { initial, steps, expected }) => {
      const id = world.document(people.A, people.B);
      if (initial !== '')
        expect((await replica.peer('PUT', `/internal/documents/${id}`, { content: initial }, people.A)).status).toBe(
          201,
        );
      const sessions = { A: await replica.session(id, people.A), B: await replica.session(id, people.B) };
      for (const step of steps) await play(id, sessions, step);
      const { body } = await replica.peer('GET', `/internal/documents/${id}/content`);
      expect(body['content']).toBe(expected);
      for (const session of Object.values(sessions)) {
        while (session.version < Number(body['version'])) await session.next('operation');
        expect(session.text).toBe(expected);
        await session.close();
      }
    },
  );
});
