import { describe, expect, it } from '@jest/globals';
import { TestClock } from '../../test/clock.ts';
import { KubeError } from './errors.ts';
import { EventRecorder } from './events.ts';
import type { KubeObject } from './types.ts';

const regarding: KubeObject = { apiVersion: 'v1', kind: 'X', metadata: { namespace: 'n', name: 'x', uid: 'u' } };

function setUp(fail = false) {
  const clock = new TestClock();
  const created: KubeObject[] = [];
  const patched: unknown[] = [];
  const errors: unknown[] = [];
  const client = {
    create: async (_type: unknown, object: KubeObject) => {
      if (fail) throw new KubeError('unreachable', 'down');
      created.push(object);
      return object;
    },
    patch: async (_type: unknown, _key: unknown, patch: Record<string, unknown>) => {
      patched.push(patch['series']);
      return regarding;
    },
  };
  const recorder = new EventRecorder({
    client,
    controller: 'c',
    instance: 'i',
    clock,
    wallClock: () => new Date(clock.now()),
    onError: (error) => errors.push(error),
  });
  const record = (reason: string) =>
    recorder.record(regarding, { type: 'Warning', reason, action: 'Reconcile', note: 'because' });
  return { clock, created, patched, errors, recorder, record };
}

describe('the recorder', () => {
  it('[KR25] counts the same Event within six minutes and begins anew after', async () => {
    const { clock, created, patched, recorder, record } = setUp();
    record('Broken');
    record('Broken');
    record('Other');
    record('Broken');
    await recorder.flush();
    expect(created.map((event) => event['reason'])).toEqual(['Broken', 'Other']);
    expect(patched).toMatchObject([{ count: 2 }, { count: 3 }]);
    await clock.advance(7 * 60_000);
    record('Broken');
    await recorder.flush();
    expect(created).toHaveLength(3);
  });

  it('[KR26] writes at most 25 Events about an object at once', async () => {
    const { clock, created, recorder, record } = setUp();
    for (let index = 0; index < 40; index += 1) record(`Reason${index}`);
    await recorder.flush();
    expect(created).toHaveLength(25);
    await clock.advance(5 * 60_000);
    record('Later');
    await recorder.flush();
    expect(created).toHaveLength(26);
  });

  it('[KR26] tells a failed write and goes on', async () => {
    const { errors, recorder, record } = setUp(true);
    record('Broken');
    await recorder.flush();
    expect(errors).toHaveLength(1);
  });
});
