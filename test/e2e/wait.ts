import { setTimeout as delay } from 'node:timers/promises';

/** Polls until `probe` answers something other than undefined; what it last threw or saw is in the error. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  deadlineMs = 60_000,
  everyMs = 250,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  let last: unknown = 'nothing yet';
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${deadlineMs / 1000} s for ${what}; last: ${String(last)}`);
    await delay(everyMs);
  }
}
