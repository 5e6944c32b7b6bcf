import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Replica, startWorld, type World } from '../test/world.ts';

let world: World;
let replica: Replica;

beforeAll(async () => {
  world = await startWorld();
  replica = await world.start();
});
afterAll(async () => world[Symbol.asyncDispose]());

describe('a session', () => {
  it('[RP1] begins with the text, the version and who is there', async () => {
    const [ada, ben] = [await world.person('Ada'), await world.person('Ben')];
    const id = world.document(ada, ben);
    const first = await replica.session(id, ada, { client: 'a' });
    const second = await replica.session(id, ben);
    expect(first.frames[0]).toEqual({
      type: 'initial_state',
      content: '',
      version: 0,
      sessionId: expect.any(String),
      clientId: 'a',
      role: 'owner',
      peers: [],
    });
    expect(second.frames[0]).toMatchObject({ role: 'editor', peers: [{ clientId: 'a', userId: ada.id, name: 'Ada', selection: null }] });
  });

  it('[RP2] acknowledges an edit and shows it to the others', async () => {
    const [ada, ben] = [await world.person(), await world.person()];
    const id = world.document(ada, ben);
    const first = await replica.session(id, ada, { client: 'a' });
    const second = await replica.session(id, ben);
    expect(await first.edit({ type: 'insert', pos: 0, text: 'Hi' }, 'one')).toEqual({ type: 'ack', id: 'one', version: 1 });
    expect(await second.next('operation')).toEqual({
      type: 'operation',
      op: { type: 'insert', pos: 0, text: 'Hi', version: 1 },
      userId: ada.id,
      clientId: 'a',
    });
    expect(await second.edit({ type: 'delete', pos: 0, len: 1 })).toEqual({ type: 'ack', version: 2 });
    await first.next('operation');
    expect([first.text, second.text]).toEqual(['i', 'i']);
  });
});
