import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { V1Client } from '../../test/v1-client.ts';
import { type Faults, NO_FAULTS, type PlainClient, Simulation } from '../../test/simulation.ts';

/** Lets clients on several replicas edit at random, with everything that may go wrong, and checks what must hold after it. */
function runSchedule(seed: number, replicas: number, faults: Faults): void {
  const sim = new Simulation(seed, replicas, faults);
  const clients = Array.from({ length: 4 }, (_, index) => sim.client(index % replicas, `c${index}`, `u${index % 3}`));
  const gone: PlainClient[] = [];
  for (let moves = 0; moves < 150; moves++) {
    const index = sim.random(clients.length);
    const client = clients[index];
    if (client && client.version >= 0) act(sim, client);
    if (client && sim.random(40) === 0) {
      client.leave();
      gone.push(client);
      clients[index] = resumed(sim, client, sim.random(replicas));
    }
    for (let steps = sim.random(6); steps > 0; steps--) sim.runOne();
  }
  sim.settle();
  check(sim, [...clients, ...gone], clients);
}

function act(sim: Simulation, client: PlainClient): void {
  const { length } = client.optimistic;
  const choice = sim.random(10);
  if (client.pending.length > 3) return;
  if (choice < 5)
    client.edit({
      type: 'insert',
      pos: sim.random(length + 1),
      text: String.fromCharCode(97 + sim.random(26)).repeat(1 + sim.random(3)),
    });
  else if (choice < 8 && length > 0) {
    const pos = sim.random(length);
    client.edit({ type: 'delete', pos, len: 1 + sim.random(Math.min(3, length - pos)) });
  } else client.undo(choice === 8 ? 'undo' : 'redo');
}

/** The same client on a new connection, which sends again what was not answered. */
function resumed(sim: Simulation, old: PlainClient, replica: number): PlainClient {
  const { pending, frames } = old;
  const client = sim.client(replica, old.name, old.user);
  client.continueAfter(old);
  const version = frames.reduce((last, frame) => (typeof frame['version'] === 'number' ? frame['version'] : last), 0);
  pending.forEach(({ id, edit }, index) => client.resend(edit, version + index, id));
  return client;
}

function check(sim: Simulation, all: readonly PlainClient[], open: readonly PlainClient[]): void {
  const { log } = sim;
  expect(all.flatMap(({ violations }) => violations)).toEqual([]);
  for (const replica of sim.replicas) {
    expect({ version: replica.hub.document.version, text: replica.hub.document.text.toString() }).toEqual({
      version: log.version,
      text: log.text,
    });
    expect(replica.hub.submissions).toEqual([]);
  }
  for (const client of open)
    expect({ version: client.version, text: client.text }).toEqual({ version: log.version, text: log.text });
  expect(log.rows.map(({ version }) => version)).toEqual(log.rows.map((_, index) => index + 1));
  const inLog = new Map(log.rows.map(({ clientId, editId, version }) => [`${clientId} ${editId ?? ''}`, version]));
  expect(inLog.size).toBe(log.rows.length);
  for (const { name, acked } of all)
    for (const [id, version] of acked) expect(inLog.get(`${name} ${id}`)).toBe(version);
}

/** Clients of both dialects on several replicas; those of collab.v1 reconnect and resume. */
function runMixed(seed: number, faults: Faults): void {
  const sim = new Simulation(seed, 2, faults);
  const plain = [sim.client(0, 'p0', 'u0'), sim.client(1, 'p1', 'u1')];
  const typing = ['v0', 'v1', 'v2'].map((name, index) => {
    const client = new V1Client(sim, name);
    client.connect(sim.replica(index % 2));
    return client;
  });
  for (let moves = 0; moves < 120; moves++) {
    const client = plain[sim.random(2)];
    if (client && client.version >= 0 && sim.random(3) === 0) act(sim, client);
    const typist = typing[sim.random(3)];
    typist?.type();
    if (sim.random(30) === 0) typist?.reconnect(sim.replica(sim.random(2)));
    for (let steps = sim.random(6); steps > 0; steps--) sim.runOne();
  }
  sim.settle();
  // What was answered by `unavailable` or cut off is sent again.
  for (let round = 0; round < 5; round++) {
    for (const typist of typing) typist.flush();
    sim.settle();
  }
  check(sim, plain, plain);
  const inLog = sim.log.rows.map(({ editId }) => editId);
  for (const typist of typing) {
    expect(typist.violations).toEqual([]);
    expect(typist.unconfirmed).toEqual([]);
    expect({ version: typist.version, text: typist.text.toString() }).toEqual({
      version: sim.log.version,
      text: sim.log.text,
    });
    for (const id of typist.confirmed) expect(inLog.filter((one) => one === id)).toEqual([id]);
  }
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 });

describe('replicas of one document', () => {
  it('[RE1] end with the text of the log, and every acknowledged edit is in it once', () => {
    fc.assert(
      fc.property(seeds, (seed) => runSchedule(seed, 1, NO_FAULTS)),
      { numRuns: 80 },
    );
    fc.assert(
      fc.property(seeds, (seed) => runSchedule(seed, 3, NO_FAULTS)),
      { numRuns: 80 },
    );
  });

  it('[RE2] lose and double nothing when commits fail, when their outcome is unknown, when reads fail and news get lost', () => {
    const faults = { failed: 10, unknown: 20, reads: 15, news: 40 };
    fc.assert(
      fc.property(seeds, (seed) => runSchedule(seed, 1, faults)),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(seeds, (seed) => runSchedule(seed, 3, faults)),
      { numRuns: 100 },
    );
  });

  it('[RE11] transform edits of collab.v1 as their clients do, beside plain ones', () => {
    fc.assert(
      fc.property(seeds, (seed) => runMixed(seed, NO_FAULTS)),
      { numRuns: 80 },
    );
    fc.assert(
      fc.property(seeds, (seed) => runMixed(seed, { failed: 5, unknown: 10, reads: 5, news: 40 })),
      { numRuns: 80 },
    );
  });
});
