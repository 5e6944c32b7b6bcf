import { describe, expect, it } from '@jest/globals';
import { createProbe } from './probe.ts';

describe('[KI92] a probe', () => {
  it('asks once for all who want to know at the same time, and keeps what it heard', async () => {
    let asked = 0;
    const probe = createProbe(async () => ++asked, { keepMs: 60_000, limitMs: 1_000 });
    expect(await Promise.all([probe(), probe(), probe()])).toEqual([1, 1, 1]);
    expect(await probe()).toBe(1);
    expect(asked).toBe(1);
  });

  it('keeps that there was no answer, too', async () => {
    let asked = 0;
    const away = async (): Promise<number> => {
      asked++;
      throw new Error('away');
    };
    const probe = createProbe(away, { keepMs: 60_000, limitMs: 1_000 });
    expect([await probe(), await probe()]).toEqual([undefined, undefined]);
    expect(asked).toBe(1);
  });

  it('does not wait for what hangs, does not ask a second time meanwhile, and takes the late answer', async () => {
    let asked = 0;
    const late = Promise.withResolvers<string>();
    const probe = createProbe(
      () => {
        asked++;
        return late.promise;
      },
      { keepMs: 60_000, limitMs: 5 },
    );
    expect([await probe(), await probe()]).toEqual([undefined, undefined]);
    expect(asked).toBe(1);
    late.resolve('here');
    await late.promise;
    expect(await probe()).toBe('here');
    expect(asked).toBe(1);
  });

  it('asks again when what it knows is old', async () => {
    let asked = 0;
    const probe = createProbe(async () => ++asked, { keepMs: 0, limitMs: 1_000 });
    expect([await probe(), await probe()]).toEqual([1, 2]);
  });
});
