import type { Clock } from '../src/kube/clock.ts';

/** A clock that moves only when told to. */
export class TestClock implements Clock {
  #now = 0;
  #timers: { due: number; run: () => void }[] = [];
  chance = 0.5;

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { due: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  random(): number {
    return this.chance;
  }

  /** When the next timer is due, from now. */
  get next(): number | undefined {
    const due = this.#timers.map((timer) => timer.due).sort((a, b) => a - b)[0];
    return due === undefined ? undefined : due - this.#now;
  }

  /** Moves on, running what falls due in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const timer = this.#timers.filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (timer === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== timer);
      this.#now = timer.due;
      timer.run();
      await turns();
    }
    this.#now = end;
    await turns();
  }
}

/** Lets everything run that waits for nothing but promises. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
