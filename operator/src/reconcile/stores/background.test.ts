import { describe, expect, it } from '@jest/globals';
import { TestClock, turns } from '../../../test/clock.ts';
import { contentStores } from '../../../test/operator.ts';
import type { Check } from '../../status/observed.ts';
import { inBackground } from './background.ts';
import type { CacheRequest } from './ports.ts';

const request: CacheRequest = { uri: 'redis://host', ca: undefined, accounts: [], owner: 'n/team' };

function setUp() {
  const clock = new TestClock();
  const asked: ((check: Check) => void)[] = [];
  const woken: string[] = [];
  const slow = contentStores({ cache: () => new Promise((resolve) => asked.push(resolve)) });
  return { clock, asked, woken, stores: inBackground(slow, { clock, wake: (owner) => woken.push(owner) }) };
}

describe('a slow store', () => {
  it('[OC17] holds a reconcile for a second at most and wakes it with its answer', async () => {
    const { clock, asked, woken, stores } = setUp();
    const first = stores.cache(request);
    await turns();
    await clock.advance(1000);
    expect(await first).toEqual({ state: 'waiting' });
    expect(await stores.cache(request)).toEqual({ state: 'waiting' });
    expect(asked).toHaveLength(1);
    asked[0]?.({ state: 'failed', problem: { reason: 'Unreachable', message: 'away' } });
    await turns();
    expect(woken).toEqual(['n/team']);
    expect(await stores.cache(request)).toMatchObject({ state: 'failed' });
    const next = stores.cache(request);
    await turns();
    expect(asked).toHaveLength(2);
    await clock.advance(1000);
    expect(await next).toMatchObject({ state: 'failed' });
  });

  it('[OC17] is asked each time while it answers in time', async () => {
    const { asked, woken, stores } = setUp();
    for (const state of ['ok', 'waiting'] as const) {
      const answer = stores.cache(request);
      await turns();
      asked.at(-1)?.({ state });
      expect(await answer).toEqual({ state });
    }
    expect(woken).toEqual([]);
  });

  it('[OC17] that throws fails the reconcile and is asked again', async () => {
    let fail = true;
    const stores = inBackground(
      contentStores({
        cache: async () => {
          if (fail) throw new Error('unexpected');
          return { state: 'ok' };
        },
      }),
      { wake: () => undefined },
    );
    await expect(stores.cache(request)).rejects.toThrow('unexpected');
    fail = false;
    expect(await stores.cache(request)).toEqual({ state: 'ok' });
  });
});
