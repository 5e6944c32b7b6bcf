import { atMostEvery, type Logger } from './log.ts';
import { withoutTrace } from './trace.ts';

/** One connection, or pool of connections, to a store. */
export interface StoreWatch {
  readonly failed: (error: unknown) => void;
  readonly works: () => void;
}

type Store = 'broker' | 'database' | 'redis';

interface Outage {
  /** What does not work at present. */
  readonly broken: Set<object>;
  since: number;
  isTold: boolean;
  readonly tell: (error: unknown) => void;
}

const REPEAT_MS = 10_000;
const outages = new WeakMap<Logger, Map<Store, Outage>>();

/**
 * Tells an outage of a store as the one fact that it is, whichever of a process' connections notice it: a line when it begins, one
 * at most every 10 s while it lasts, and one when everything works again that says how long it took.
 */
export function watchStore(log: Logger, store: Store): StoreWatch {
  const outage = outageOf(log, store);
  const self = {};
  return {
    failed: (error) => {
      if (outage.broken.size === 0) outage.since = performance.now();
      outage.broken.add(self);
      // Whatever request met it first, it is not this request's matter.
      withoutTrace(() => outage.tell(error));
    },
    works: () => {
      if (!outage.broken.delete(self) || outage.broken.size > 0 || !outage.isTold) return;
      outage.isTold = false;
      const seconds = Math.round((performance.now() - outage.since) / 100) / 10;
      withoutTrace(() => tellEnd(log, store, seconds));
    },
  };
}

function outageOf(log: Logger, store: Store): Outage {
  const known = outages.get(log) ?? new Map<Store, Outage>();
  outages.set(log, known);
  const existing = known.get(store);
  if (existing) return existing;
  const outage: Outage = {
    broken: new Set(),
    since: 0,
    isTold: false,
    tell: atMostEvery(REPEAT_MS, (err) => {
      outage.isTold = true;
      tellAway(log, store, err);
    }),
  };
  known.set(store, outage);
  return outage;
}

function tellAway(log: Logger, store: Store, err: unknown): void {
  switch (store) {
    case 'broker':
      return log.warn({ event: 'broker_away', err }, 'The broker is away');
    case 'database':
      return log.warn({ event: 'database_away', err }, 'The database is away');
    case 'redis':
      return log.warn({ event: 'redis_away', err }, 'Redis is away');
  }
}

function tellEnd(log: Logger, store: Store, seconds: number): void {
  switch (store) {
    case 'broker':
      return log.info({ event: 'broker_back', seconds }, 'The broker is back');
    case 'database':
      return log.info({ event: 'database_back', seconds }, 'The database is back');
    case 'redis':
      return log.info({ event: 'redis_back', seconds }, 'Redis is back');
  }
}
