import { describe, expect, it } from '@jest/globals';
import { ReplicaLag } from './lag.ts';

function replica(versions: Record<string, number>) {
  const lag = new ReplicaLag();
  const documents = new Map(Object.entries(versions).map(([id, version]) => [id, { hub: { document: { version } } }]));
  return {
    documents,
    hear: (id: string, head: number, at: number) =>
      lag.heard(id, head, documents.get(id)?.hub.document.version ?? 0, at),
    read: (id: string, head: number, askedAt: number) => lag.asked(id, head, askedAt),
    reach(id: string, version: number) {
      documents.set(id, { hub: { document: { version } } });
    },
    at: (now: number) => lag.longest(documents, now),
  };
}

describe('[RE12] the lag of a replica', () => {
  it('is 0 while nobody knows of anything newer', () => {
    const one = replica({ a: 5 });
    one.hear('a', 5, 0);
    one.hear('a', 3, 0);
    one.hear('unknown', 9, 0);
    expect(one.at(1_000)).toBe(0);
  });

  it('counts from the oldest version that is missing', () => {
    const one = replica({ a: 5, b: 1 });
    one.hear('a', 6, 100);
    one.hear('a', 9, 700);
    one.hear('b', 2, 400);
    expect(one.at(1_000)).toBe(900);
    one.reach('a', 6);
    expect(one.at(1_000)).toBe(600);
    one.reach('b', 2);
    expect(one.at(1_000)).toBe(300);
    one.reach('a', 9);
    expect(one.at(1_000)).toBe(0);
  });

  it('does not grow where new versions keep coming and are kept up with', () => {
    const one = replica({ a: 0 });
    for (let version = 1; version <= 1_000; version++) {
      one.hear('a', version, version * 10);
      if (version > 1) one.reach('a', version - 1);
      expect(one.at(version * 10)).toBeLessThanOrEqual(10);
    }
  });

  it('forgets versions that news told of and PostgreSQL, asked afterwards, does not have', () => {
    const one = replica({ a: 5 });
    one.hear('a', 999, 100);
    one.read('a', 5, 50);
    expect(one.at(1_000)).toBe(900);
    one.read('a', 5, 100);
    expect(one.at(1_000)).toBe(0);
  });

  it('keeps versions that PostgreSQL has and the document has not reached', () => {
    const one = replica({ a: 5 });
    one.hear('a', 7, 100);
    one.read('a', 7, 200);
    expect(one.at(1_000)).toBe(900);
  });

  it('remembers the oldest of however many', () => {
    const one = replica({ a: 0 });
    for (let version = 1; version <= 10_000; version++) one.hear('a', version, version);
    expect(one.at(20_000)).toBe(19_999);
    one.reach('a', 9_999);
    expect(one.at(20_000)).toBe(10_000);
    one.reach('a', 10_000);
    expect(one.at(20_000)).toBe(0);
  });

  it('forgets documents that were closed', () => {
    const one = replica({ a: 0 });
    one.hear('a', 1, 0);
    one.documents.delete('a');
    expect(one.at(1_000)).toBe(0);
  });
});
