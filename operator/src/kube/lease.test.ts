import { describe, expect, it } from '@jest/globals';
import { TestClock, turns } from '../../test/clock.ts';
import { KubeError } from './errors.ts';
import { LeaderElection, microTime } from './lease.ts';
import { textAt } from './json.ts';
import type { KubeObject } from './types.ts';

/** A Lease on a server, with its optimistic concurrency. */
function leaseServer() {
  let stored: KubeObject | undefined;
  let version = 0;
  const down = new Set<string>();
  const clientFor = (who: string) => {
    const reach = () => {
      if (down.has(who)) throw new KubeError('unreachable', 'down');
    };
    return {
      find: async () => {
        reach();
        return stored === undefined ? undefined : structuredClone(stored);
      },
      create: async (_type: unknown, object: KubeObject) => {
        reach();
        if (stored !== undefined) throw new KubeError('status', 'exists', { status: 409, reason: 'AlreadyExists' });
        return (stored = { ...object, metadata: { ...object.metadata, resourceVersion: String((version += 1)) } });
      },
      replace: async (_type: unknown, object: KubeObject) => {
        reach();
        if (object.metadata.resourceVersion !== stored?.metadata.resourceVersion)
          throw new KubeError('status', 'conflict', { status: 409, reason: 'Conflict' });
        return (stored = { ...object, metadata: { ...object.metadata, resourceVersion: String((version += 1)) } });
      },
    };
  };
  return { clientFor, down, holder: () => textAt(stored, 'spec', 'holderIdentity') };
}

function candidate(server: ReturnType<typeof leaseServer>, clock: TestClock, identity: string) {
  const stop = new AbortController();
  const log: string[] = [];
  const election = new LeaderElection({
    client: server.clientFor(identity),
    namespace: 'n',
    name: 'lease',
    identity,
    clock,
    wallClock: () => new Date(0),
  });
  const done = election.run(stop.signal, async (held) => {
    log.push(`leads at ${clock.now()}`);
    await new Promise((resolve) => held.addEventListener('abort', resolve));
    log.push(`stops at ${clock.now()}`);
  });
  return { stop, log, done };
}

describe('leader election', () => {
  it('[KR23] has one leader, and the next one soon after it gives the lease back', async () => {
    const [server, clock] = [leaseServer(), new TestClock()];
    const first = candidate(server, clock, 'first');
    await turns();
    const second = candidate(server, clock, 'second');
    await clock.advance(60_000);
    expect([first.log, second.log]).toEqual([['leads at 0'], []]);
    first.stop.abort();
    expect(await first.done).toBe(true);
    expect(server.holder()).toBe('');
    await clock.advance(3_000);
    expect(second.log).toHaveLength(1);
    second.stop.abort();
    await second.done;
  });

  it('[KR23, KR24] stops a leader that can not renew before another begins', async () => {
    const [server, clock] = [leaseServer(), new TestClock()];
    const first = candidate(server, clock, 'first');
    await turns();
    const second = candidate(server, clock, 'second');
    await clock.advance(4_000);
    server.down.add('first');
    await clock.advance(40_000);
    const stopped = Number(/stops at (\d+)/.exec(first.log[1] ?? '')?.[1]);
    const began = Number(/leads at (\d+)/.exec(second.log[0] ?? '')?.[1]);
    expect(stopped).toBeLessThanOrEqual(14_000);
    expect(began).toBeGreaterThan(stopped);
    expect(began).toBeLessThan(24_000);
    second.stop.abort();
    await Promise.all([first.done, second.done]);
  });

  it('[KR23] writes times with six digits', () => {
    expect(microTime(new Date(9))).toBe('1970-01-01T00:00:00.009000Z');
  });
});
