import { afterEach, describe, expect, it } from '@jest/globals';
import { TestClock, turns } from '../../test/clock.ts';
import { Cache } from './cache.ts';
import type { WatchEvent } from './client.ts';
import { KubeError } from './errors.ts';
import { Reflector, type ReflectorEvent } from './reflector.ts';
import type { KubeObject, ResourceType } from './types.ts';

const type: ResourceType = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };

function object(name: string, resourceVersion: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'n', name, uid: name, resourceVersion } };
}

function bookmark(resourceVersion: string, end: boolean): WatchEvent {
  const annotations = end ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  return {
    type: 'BOOKMARK',
    object: { ...object('', resourceVersion), metadata: { name: '', resourceVersion, ...annotations } },
  };
}

/** What the server does with each watch, in order. The last one stays open until the end. */
type Script = (WatchEvent | KubeError)[][];

const stops: AbortController[] = [];
afterEach(() => stops.splice(0).forEach((stop) => stop.abort()));

function setUp(script: Script, list: KubeObject[] = []) {
  const clock = new TestClock();
  const cache = new Cache();
  const asked: Record<string, string>[] = [];
  const events: ReflectorEvent['type'][] = [];
  const stop = new AbortController();
  stops.push(stop);
  let lists = 0;
  const client = {
    list: async () => {
      lists += 1;
      return { items: list, resourceVersion: '50' };
    },
    watch: async function* (
      _type: ResourceType,
      _selection: unknown,
      parameters: Record<string, string>,
      { signal }: { signal: AbortSignal },
    ): AsyncGenerator<WatchEvent> {
      const steps = script[asked.length];
      asked.push(parameters);
      for (const step of steps ?? []) {
        if (step instanceof KubeError) throw step;
        yield step;
      }
      if (asked.length >= script.length) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
  const reflector = new Reflector({ client, type, cache, clock, onEvent: (event) => events.push(event.type) });
  const done = reflector.run(stop.signal);
  return { clock, cache, asked, events, stop, done, reflector, lists: () => lists };
}

const names = (cache: Cache) =>
  cache
    .all()
    .map(({ metadata }) => metadata.name)
    .sort();

describe('the reflector', () => {
  it('[KR10] is filled when the server marks the end of the list', async () => {
    const { cache, asked, reflector } = setUp([
      [
        { type: 'ADDED', object: object('a', '1') },
        { type: 'ADDED', object: object('b', '2') },
        bookmark('9', true),
        { type: 'DELETED', object: object('a', '10') },
      ],
    ]);
    await reflector.synced;
    await turns();
    expect(names(cache)).toEqual(['b']);
    expect(asked[0]).toMatchObject({ sendInitialEvents: 'true', allowWatchBookmarks: 'true', timeoutSeconds: '450' });
  });

  it('[KR10] forgets what a later list no longer has', async () => {
    const { cache, clock } = setUp([
      [
        { type: 'ADDED', object: object('a', '1') },
        bookmark('9', true),
        new KubeError('status', 'gone', { status: 410 }),
      ],
      [{ type: 'ADDED', object: object('b', '11') }, bookmark('12', true)],
    ]);
    await turns();
    expect(names(cache)).toEqual(['a']);
    await clock.advance(2000);
    expect(names(cache)).toEqual(['b']);
  });

  it('[KR11] lists page by page where streamed lists are refused', async () => {
    const { cache, clock, asked, lists } = setUp(
      [[new KubeError('status', 'invalid', { status: 422 })], []],
      [object('a', '3')],
    );
    await turns();
    await clock.advance(2000);
    expect(lists()).toBe(1);
    expect(names(cache)).toEqual(['a']);
    expect(asked[1]).toMatchObject({ resourceVersion: '50' });
    expect(asked[1]).not.toHaveProperty('sendInitialEvents');
  });

  it('[KR12] goes on from the last version after an error, later each time', async () => {
    const broken = () => new KubeError('unreachable', 'reset');
    const { clock, asked, events } = setUp([
      [bookmark('9', true), broken()],
      [broken()],
      [bookmark('20', false), broken()],
      [],
    ]);
    await turns();
    const waits: (number | undefined)[] = [];
    for (let round = 0; round < 3; round += 1) {
      waits.push(clock.next);
      await clock.advance(clock.next ?? 0);
    }
    expect(waits).toEqual([800, 1600, 3200]);
    expect(asked.slice(1).map((parameters) => parameters['resourceVersion'])).toEqual(['9', '9', '20']);
    expect(events).toContain('failed');
  });

  it('[KR12] lists anew after 410, not without a wait', async () => {
    const { clock, asked, events } = setUp([
      [bookmark('9', true), new KubeError('status', 'too old', { status: 410 })],
      [],
    ]);
    await turns();
    expect(asked).toHaveLength(1);
    await clock.advance(clock.next ?? 0);
    expect(asked[1]).toHaveProperty('sendInitialEvents');
    expect(events).toContain('relist');
  });

  it('[KR13] waits as long as the server asks', async () => {
    const { clock } = setUp([[new KubeError('status', 'busy', { status: 429, retryAfterSeconds: 17 })], []]);
    await turns();
    expect(clock.next).toBe(17_000);
  });

  it('[KR14] begins nothing after it was stopped', async () => {
    const { clock, asked, stop, done } = setUp([[new KubeError('unreachable', 'reset')], []]);
    await turns();
    stop.abort();
    await done;
    await clock.advance(60_000);
    expect(asked).toHaveLength(1);
  });
});
