import { systemClock, type Clock } from '../../kube/clock.ts';
import type { Check } from '../../status/observed.ts';
import type { Stores } from './ports.ts';

export interface BackgroundOptions {
  /** Told the owner of a request whose answer came late. */
  wake: (owner: string) => void;
  clock?: Clock;
  /** How long a reconcile waits for a store. */
  patienceMs?: number;
}

interface Late {
  running: Promise<void> | undefined;
  last: Check;
  /** An answer that no reconcile has seen yet. */
  unread: boolean;
}

const PATIENCE_MS = 1_000;

/**
 * Stores that keep nobody waiting: a store that is slow to answer, or to time out, is asked on in the background, and the
 * reconcile goes on with the last answer. So an environment with a broken store does not hold a worker.
 */
export function inBackground(stores: Stores, options: BackgroundOptions): Stores {
  const late = new Map<string, Late>();
  const ask = async <T extends { owner: string }>(
    what: string,
    request: T,
    store: (request: T) => Promise<Check>,
  ): Promise<Check> => {
    const key = `${what} ${request.owner}`;
    const entry = late.get(key) ?? { running: undefined, last: { state: 'waiting' }, unread: false };
    if (entry.running !== undefined) return entry.last;
    if (entry.unread) {
      entry.unread = false;
      return entry.last;
    }
    late.set(key, entry);
    let inTime = true;
    const running = store(request)
      .then((check) => {
        entry.last = check;
        entry.unread = !inTime;
      })
      .finally(() => {
        entry.running = undefined;
        if (!inTime) options.wake(request.owner);
      });
    entry.running = running;
    inTime = await settlesWithin(running, options);
    return entry.last;
  };
  return {
    ...stores,
    database: (request) => ask('database', request, (one) => stores.database(one)),
    cache: (request) => ask('cache', request, (one) => stores.cache(one)),
    broker: (request) => ask('broker', request, (one) => stores.broker(one)),
    topology: (request) => ask('topology', request, (one) => stores.topology(one)),
  };
}

async function settlesWithin(
  work: Promise<void>,
  { clock = systemClock, patienceMs = PATIENCE_MS }: BackgroundOptions,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const cancel = clock.after(patienceMs, () => {
    resolve(false);
  });
  work.then(
    () => resolve(true),
    () => resolve(true),
  );
  const settled = await promise;
  cancel();
  if (settled) await work;
  return settled;
}
