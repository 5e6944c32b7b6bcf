import { systemClock, type Clock } from './clock.ts';

/** What an onlooker (metrics) learns of a queue. */
export interface QueueObserver {
  added(): void;
  depth(depth: number): void;
  waited(seconds: number): void;
  worked(seconds: number): void;
  retried(): void;
}

const silent: QueueObserver = {
  added: () => undefined,
  depth: () => undefined,
  waited: () => undefined,
  worked: () => undefined,
  retried: () => undefined,
};

const RETRY_FIRST_MS = 5;
const RETRY_LAST_MS = 1_000_000;
const BUCKET_PER_SECOND = 10;
const BUCKET_SIZE = 100;

/** Priority of keys that nobody waits for, such as those of the first list and of periodic checks. */
export const LOW_PRIORITY = -100;

/** Of two waits for the same key the earlier one holds. */
interface Delayed {
  due: number;
  cancel: () => void;
}

interface Waiting {
  priority: number;
  since: number;
}

/**
 * Keys to be worked on. A key waits at most once; while one worker has it no other gets it, and an `add` meanwhile
 * brings it back after `done`. A key with a higher priority goes first, equal ones in order of arrival.
 *
 * Retries wait 5 ms·2ⁿ per key and, over all keys, for a bucket of 10 a second with a burst of 100.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #observer: QueueObserver;
  readonly #waiting = new Map<string, Waiting>();
  readonly #processing = new Map<string, number>();
  readonly #again = new Map<string, number>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #bucket = { level: BUCKET_SIZE, at: 0 };
  #closed = false;

  constructor(options: { clock?: Clock; observer?: QueueObserver } = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#observer = options.observer ?? silent;
    this.#bucket.at = this.#clock.now();
  }

  get depth(): number {
    return this.#waiting.size;
  }

  /** Since when each key is being worked on, by the queue's clock. */
  processing(): number[] {
    return [...this.#processing.values()];
  }

  add(key: string, priority = 0): void {
    if (this.#closed) return;
    if (this.#processing.has(key)) {
      this.#again.set(key, Math.max(priority, this.#again.get(key) ?? priority));
      return;
    }
    const known = this.#waiting.get(key);
    if (known === undefined) this.#observer.added();
    this.#waiting.set(key, {
      priority: Math.max(priority, known?.priority ?? priority),
      since: known?.since ?? this.#clock.now(),
    });
    this.#observer.depth(this.depth);
    this.#hand();
  }

  addAfter(key: string, ms: number, priority = 0): void {
    if (this.#closed) return;
    if (ms <= 0) return this.add(key, priority);
    const due = this.#clock.now() + ms;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.due <= due) return;
    known?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key, priority);
    });
    this.#delayed.set(key, { due, cancel });
  }

  /** Adds a key that failed, later each time, not before `atLeastMs`. Returns the wait. */
  addRateLimited(key: string, atLeastMs = 0): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#observer.retried();
    const backoff = Math.min(RETRY_FIRST_MS * 2 ** failures, RETRY_LAST_MS);
    const ms = Math.max(backoff, this.#takeToken(), atLeastMs);
    this.addAfter(key, ms);
    return ms;
  }

  /** The key did not fail: its next retry waits as the first one. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key; waits for one. Undefined: the queue is closed. */
  take(): Promise<string | undefined> {
    return new Promise((resolve) => {
      if (this.#closed) resolve(undefined);
      else {
        this.#takers.push(resolve);
        this.#hand();
      }
    });
  }

  /** Gives a key back after work on it. */
  done(key: string): void {
    const since = this.#processing.get(key);
    if (since !== undefined) this.#observer.worked((this.#clock.now() - since) / 1000);
    this.#processing.delete(key);
    const priority = this.#again.get(key);
    this.#again.delete(key);
    if (priority !== undefined) this.add(key, priority);
  }

  /** Ends all waits. Keys that are being worked on are unaffected. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #hand(): void {
    while (this.#takers.length > 0) {
      const next = this.#first();
      if (next === undefined) return;
      const [key, { since }] = next;
      this.#waiting.delete(key);
      const now = this.#clock.now();
      this.#processing.set(key, now);
      this.#observer.waited((now - since) / 1000);
      this.#observer.depth(this.depth);
      this.#takers.shift()?.(key);
    }
  }

  #first(): [string, Waiting] | undefined {
    let first: [string, Waiting] | undefined;
    for (const entry of this.#waiting) {
      if (first === undefined || entry[1].priority > first[1].priority) first = entry;
      if (first[1].priority >= 0) break;
    }
    return first;
  }

  /** Takes a token and says in how many milliseconds it is there. */
  #takeToken(): number {
    const now = this.#clock.now();
    const level = Math.min(BUCKET_SIZE, this.#bucket.level + ((now - this.#bucket.at) / 1000) * BUCKET_PER_SECOND);
    this.#bucket = { level: level - 1, at: now };
    return level >= 1 ? 0 : ((1 - level) / BUCKET_PER_SECOND) * 1000;
  }
}
