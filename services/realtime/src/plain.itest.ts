import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Frame, Session } from '../test/session.ts';
import { type Person, type Replica, startWorld, type World } from '../test/world.ts';

let world: World;
let replica: Replica;
let ada: Person;
let ben: Person;

beforeAll(async () => {
  world = await startWorld();
  replica = await world.start();
  [ada, ben] = [await world.person('Ada'), await world.person('Ben')];
});
afterAll(async () => world[Symbol.asyncDispose]());

/** Ada's and Ben's sessions on a new document. */
async function pair(content = ''): Promise<{ id: string; first: Session; second: Session }> {
  const id = world.document(ada, ben);
  if (content !== '') await replica.peer('PUT', `/internal/documents/${id}`, { content }, ada);
  const first = await replica.session(id, ada, { client: 'a' });
  return { id, first, second: await replica.session(id, ben, { client: 'b' }) };
}

async function answers(session: Session, frames: readonly unknown[]): Promise<Frame[]> {
  const before = session.frames.length;
  for (const frame of frames) session.send(frame);
  // The answer to a last frame tells that all before it were answered.
  session.send({ type: 'undo', id: 'last' });
  await session.next(({ id }) => id === 'last');
  return session.frames.slice(before, -1);
}

describe('a session', () => {
  it('[RP1] begins with the text, the version and who is there', async () => {
    const { id, first } = await pair('Hi');
    expect(first.frames[0]).toEqual({
      type: 'initial_state',
      content: 'Hi',
      version: 1,
      sessionId: expect.any(String),
      clientId: 'a',
      role: 'owner',
      peers: [],
    });
    const third = await replica.session(id, ben);
    expect(third.frames[0]).toMatchObject({
      role: 'editor',
      peers: [{ clientId: 'a', userId: ada.id, name: 'Ada', selection: null }, { clientId: 'b' }],
    });
    expect(third.frames[0]?.['clientId']).toMatch(/^[\w-]{1,64}$/);
  });

  it('[RP2] acknowledges an edit and shows it to the others', async () => {
    const { first, second } = await pair();
    expect(await first.edit({ type: 'insert', pos: 0, text: 'Hi' }, 'one')).toEqual({
      type: 'ack',
      id: 'one',
      version: 1,
    });
    const op = { type: 'insert', pos: 0, text: 'Hi', version: 1 };
    expect(await second.next('operation')).toEqual({ type: 'operation', op, userId: ada.id, clientId: 'a' });
    expect(await second.edit({ type: 'delete', pos: 0, len: 1 })).toEqual({ type: 'ack', version: 2 });
    await first.next('operation');
    expect([first.text, second.text]).toEqual(['i', 'i']);
  });

  it('[RP3] takes edits that count those on their way', async () => {
    const { first, second } = await pair();
    for (let version = 0; version < 50; version++) first.send({ type: 'insert', pos: version, text: 'x', version });
    await first.next(({ type, version }) => type === 'ack' && version === 50);
    await second.next(({ type }) => type === 'operation' && second.version === 50);
    expect(second.text).toBe('x'.repeat(50));
  });

  it('[RP4] is told the text once when its edits are out of sync', async () => {
    const { first, second } = await pair('abc');
    await first.edit({ type: 'insert', pos: 0, text: '1' });
    await second.next('operation');
    const burst = await answers(
      first,
      Array.from({ length: 30 }, (_, index) => ({ type: 'insert', pos: 0, text: 'x', version: 0, id: `s${index}` })),
    );
    const rejected = burst.filter(({ type }) => type === 'out_of_sync');
    expect(rejected.map(({ id }) => id)).toEqual(Array.from({ length: 30 }, (_, index) => `s${index}`));
    expect(rejected[0]).toEqual({ type: 'out_of_sync', content: '1abc', version: 2, id: 's0' });
    expect(rejected.filter((frame) => 'content' in frame)).toHaveLength(1);
    expect(rejected[1]).toEqual({ type: 'out_of_sync', version: 2, id: 's1' });
    const later = await replica.session(world.document(ada), ada);
    expect(await later.edit({ type: 'insert', pos: 0, text: 'a' })).toMatchObject({ type: 'ack' });
  });

  it('[RP5] does not apply an edit again that comes again', async () => {
    const { id, first } = await pair();
    const edit = { type: 'insert', pos: 0, text: 'Hi', version: 0, id: 'one' };
    first.send(edit);
    await first.next('ack');
    await first.edit({ type: 'insert', pos: 2, text: '!' }, 'two');
    const again = await replica.session(id, ada, { client: 'a' });
    expect((await first.closed()).code).toBe(4409);
    again.send(edit);
    expect(await again.next(({ id }) => id === 'one')).toEqual({ type: 'ack', id: 'one', version: 1, duplicate: true });
    again.send({ ...edit, version: 2 });
    expect(await again.next(({ id }) => id === 'one')).toEqual({ type: 'ack', id: 'one', version: 1, duplicate: true });
    again.send({ ...edit, text: 'Ho' });
    expect(await again.next(({ id }) => id === 'one')).toMatchObject({ type: 'error', code: 'id_reused' });
    const other = await replica.session(id, ada, { client: 'other' });
    other.send({ ...edit, version: 2 });
    expect(await other.next('ack')).toEqual({ type: 'ack', id: 'one', version: 3 });
    expect(await again.next('operation')).toMatchObject({ clientId: 'other' });
  });

  it.each([
    ['invalid_frame', '{'],
    ['invalid_frame', '[]'],
    ['invalid_frame', Buffer.from('{"type":"undo"}')],
    ['invalid_frame', { type: 'insert', pos: 0.5, text: 'a', version: 1 }],
    ['invalid_frame', { type: 'insert', pos: -1, text: 'a', version: 1 }],
    ['invalid_frame', { type: 'insert', pos: 0, text: 'a', version: 1, id: '' }],
    ['invalid_frame', { type: 'delete', pos: 0, version: 1 }],
    ['unknown_type', { type: 'edits', version: 1, edits: [] }],
    ['unknown_type', { type: 'constructor' }],
    ['invalid_operation', { type: 'insert', pos: 0, text: '', version: 1 }],
    ['invalid_operation', { type: 'insert', pos: 9, text: 'a', version: 1 }],
    ['invalid_operation', { type: 'insert', pos: 2, text: 'a', version: 1 }],
    ['invalid_operation', { type: 'insert', pos: 0, text: 'a\rb', version: 1 }],
    ['invalid_operation', { type: 'insert', pos: 0, text: '\u0000', version: 1 }],
    ['invalid_operation', '{"type":"insert","pos":0,"text":"\\ud800","version":1}'],
    ['invalid_operation', { type: 'delete', pos: 0, len: 0, version: 1 }],
    ['invalid_operation', { type: 'delete', pos: 0, len: 2, version: 1 }],
    ['invalid_operation', { type: 'delete', pos: 3, len: 9, version: 1 }],
    ['too_large', { type: 'presence', version: 1, selection: null, data: 'x'.repeat(1100) }],
    ['nothing_to_undo', { type: 'undo' }],
    ['nothing_to_redo', { type: 'redo' }],
  ])('[RP6] answers what it can not take: %s', async (code, frame) => {
    const { first } = await pair('a😀b');
    first.send(frame);
    expect(await first.next('error')).toMatchObject({ type: 'error', code, message: expect.any(String) });
    expect(await first.edit({ type: 'insert', pos: 1, text: '-' })).toEqual({ type: 'ack', version: 2 });
    expect(first.text).toBe('a-😀b');
    await first.close();
  });

  it('[RP7] does not let a viewer edit, and refuses before it looks at the version', async () => {
    const { id } = await pair('a');
    const eve = await world.person('Eve');
    world.roles.set(`${id} ${eve.id}`, 'viewer');
    const viewer = await replica.session(id, eve);
    for (const frame of [
      { type: 'insert', pos: 0, text: 'x', version: 1 },
      { type: 'delete', pos: 0, len: 1, version: 0 },
      { type: 'undo' },
    ]) {
      viewer.send(frame);
      expect(await viewer.next('error')).toMatchObject({ code: 'read_only' });
    }
  });

  it('[RP8] shows an edit of several changes step by step', async () => {
    const { id, first } = await pair('a-b');
    await replica.peer('PUT', `/internal/documents/${id}/content`, { content: 'a+b', version: 1 }, ben);
    const ops = [await first.next('operation'), await first.next('operation')].map(({ op }) => op);
    expect(ops).toEqual([
      { type: 'delete', pos: 1, len: 1, version: 1, more: true },
      { type: 'insert', pos: 1, text: '+', version: 2 },
    ]);
  });

  it('[RP9] shows its undo to the author, then acknowledges it', async () => {
    const { first, second } = await pair();
    await first.edit({ type: 'insert', pos: 0, text: 'abc' });
    const before = first.frames.length;
    expect(await first.undo('undo', 'u')).toEqual({ type: 'ack', id: 'u', version: 2 });
    expect(first.frames[before]).toMatchObject({
      type: 'operation',
      op: { type: 'delete', pos: 0, len: 3, version: 2 },
    });
    expect(await second.next(({ type }) => type === 'operation' && second.version === 2)).toMatchObject({
      userId: ada.id,
    });
    expect([first.text, second.text]).toEqual(['', '']);
  });

  it('[RP10] shows presence to the others, mapped to the text, and who comes and goes', async () => {
    const { id, first, second } = await pair('hello');
    const before = first.frames.length;
    first.send({ type: 'presence', version: 1, selection: { anchor: 5, head: 5 }, data: { colour: 'red' } });
    expect(await second.next('presence')).toEqual({
      ...{ type: 'presence', version: 1, selection: { anchor: 5, head: 5 }, data: { colour: 'red' } },
      ...{ clientId: 'a', userId: ada.id, name: 'Ada' },
    });
    for (let index = 0; index < 60; index++)
      first.send({ type: 'presence', version: 1, selection: { anchor: index % 5, head: 1 } });
    await second.next(({ type, selection }) => type === 'presence' && (selection as { anchor: number }).anchor === 4);
    expect(second.frames.filter(({ type }) => type === 'presence').length).toBeLessThan(40);
    await second.edit({ type: 'insert', pos: 0, text: '>>' });
    const third = await replica.session(id, ben, { client: 'c' });
    expect(third.frames[0]?.['peers']).toContainEqual(
      expect.objectContaining({ clientId: 'a', selection: { anchor: 6, head: 3 } }),
    );
    await third.close();
    expect(await second.next('peer_left')).toMatchObject({ clientId: 'c', userId: ben.id, name: 'Ben' });
    expect(first.frames.slice(before).filter(({ type }) => type === 'presence')).toEqual([]);
  });
});

describe('limits', () => {
  it('[RP15] close a connection that sends a frame of more than 1 MiB', async () => {
    const { first } = await pair();
    first.send({ type: 'insert', pos: 0, text: 'x'.repeat(1024 * 1024), version: 0 });
    expect((await first.closed()).code).toBe(1009);
  });

  it('[RP16] refuse frames beyond the burst, and close who goes on', async () => {
    const { first } = await pair();
    for (let sent = 0; sent < 2500; sent++) first.send({ type: 'nothing' });
    expect(await first.next(({ code }) => code === 'rate_limited')).toMatchObject({ type: 'error' });
    expect((await first.closed()).code).toBe(4429);
    expect(first.frames.filter(({ code }) => code === 'unknown_type').length).toBeGreaterThanOrEqual(1000);
  });

  it('[RP19] bring a client up to date by one frame when it has not read for a while', async () => {
    const { first, second } = await pair();
    second.ws.pause();
    const text = 'x'.repeat(900_000);
    for (let round = 0; round < 12; round++) {
      await first.edit({ type: 'insert', pos: 0, text });
      await first.edit({ type: 'delete', pos: 0, len: text.length });
    }
    await first.edit({ type: 'insert', pos: 0, text: 'end' });
    second.ws.resume();
    await second.next(() => second.version === 25);
    expect(second.text).toBe('end');
    expect(await second.edit({ type: 'insert', pos: 3, text: '!' })).toMatchObject({ type: 'ack', version: 26 });
  });
});
