import { performance } from 'node:perf_hooks';

/** Time and chance as a port, so that tests own them. */
export interface Clock {
  /** Milliseconds that only go up; a change of the machine's time does not show. */
  now(): number;
  /** Calls `run` after `ms`; the result cancels it. */
  after(ms: number, run: () => void): () => void;
  /** A number from 0 to 1. */
  random(): number;
}

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** Whether the signal is aborted by now. A plain read would be taken for the value that an earlier one had. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Waits, or returns at once when the signal is aborted. */
export async function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const finish = () => {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(ms, finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}
