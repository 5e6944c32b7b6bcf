import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
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
  if (choice < 5) client.edit({ type: 'insert', pos: sim.random(length + 1), text: String.fromCharCode(97 + sim.random(26)).repeat(1 + sim.random(3)) });
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
    expect({ version: replica.hub.document.version, text: replica.hub.document.text.toString() }).toEqual({ version: log.version, text: log.text });
    expect(replica.hub.submissions).toEqual([]);
  }
  for (const client of open) expect({ version: client.version, text: client.text }).toEqual({ version: log.version, text: log.text });
  expect(log.rows.map(({ version }) => version)).toEqual(log.rows.map((_, index) => index + 1));
  const inLog = new Map(log.rows.map(({ clientId, editId, version }) => [`${clientId} ${editId ?? ''}`, version]));
  expect(inLog.size).toBe(log.rows.length);
  for (const { name, acked } of all) for (const [id, version] of acked) expect(inLog.get(`${name} ${id}`)).toBe(version);
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 });

describe('replicas of one document', () => {
  it('[RE1] end with the text of the log, and every acknowledged edit is in it once', () => {
    fc.assert(fc.property(seeds, (seed) => runSchedule(seed, 1, NO_FAULTS)), { numRuns: 150 });
    fc.assert(fc.property(seeds, (seed) => runSchedule(seed, 3, NO_FAULTS)), { numRuns: 150 });
  });

  it('[RE2] lose and double nothing when commits fail, when their outcome is unknown, when reads fail and news get lost', () => {
    const faults = { failed: 10, unknown: 20, reads: 15, news: 40 };
    fc.assert(fc.property(seeds, (seed) => runSchedule(seed, 1, faults)), { numRuns: 200 });
    fc.assert(fc.property(seeds, (seed) => runSchedule(seed, 3, faults)), { numRuns: 200 });
  });
});
