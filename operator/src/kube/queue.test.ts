import { describe, expect, it } from '@jest/globals';
import { TestClock, turns } from '../../test/clock.ts';
import { LOW_PRIORITY, WorkQueue } from './queue.ts';

function setUp() {
  const clock = new TestClock();
  return { clock, queue: new WorkQueue({ clock }) };
}

describe('the work queue', () => {
  it('[KR1] hands a key out once', async () => {
    const { queue } = setUp();
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    expect(queue.depth).toBe(2);
    expect([await queue.take(), await queue.take()]).toEqual(['a', 'b']);
  });

  it('[KR2] gives a key to one worker at a time', async () => {
    const { queue } = setUp();
    queue.add('a');
    expect(await queue.take()).toBe('a');
    queue.add('a');
    let second: string | undefined;
    void queue.take().then((key) => (second = key));
    await turns();
    expect(second).toBeUndefined();
    queue.done('a');
    await turns();
    expect(second).toBe('a');
  });

  it('[KR3] doubles the wait of a key that fails, until it is forgotten', async () => {
    const { queue, clock } = setUp();
    const waits = Array.from({ length: 30 }, () => queue.addRateLimited('a'));
    expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(waits.at(-1)).toBe(1_000_000);
    queue.forget('a');
    expect(queue.addRateLimited('a')).toBe(5);
    await clock.advance(5);
    expect(queue.depth).toBe(1);
  });

  it('[KR4] lets retries of all keys through at 10 a second after the burst, and adds at once', async () => {
    const { queue } = setUp();
    const waits = Array.from({ length: 120 }, (_, index) => queue.addRateLimited(`key-${index}`));
    expect(waits.slice(0, 100).every((ms) => ms === 5)).toBe(true);
    expect(waits[100]).toBeCloseTo(100);
    expect(waits[119]).toBeCloseTo(2000);
    queue.add('wanted');
    expect(await queue.take()).toBe('wanted');
  });

  it('[KR5] takes keys of low priority last', async () => {
    const { queue } = setUp();
    queue.add('check', LOW_PRIORITY);
    queue.add('edit');
    queue.add('other', LOW_PRIORITY);
    queue.add('other');
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['edit', 'other', 'check']);
  });

  it('[KR6] ends waits when it is closed', async () => {
    const { queue, clock } = setUp();
    const waiting = queue.take();
    queue.addAfter('late', 1000);
    queue.close();
    expect(await waiting).toBeUndefined();
    await clock.advance(2000);
    expect(queue.depth).toBe(0);
    expect(await queue.take()).toBeUndefined();
  });
});
