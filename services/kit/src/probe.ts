import { setTimeout as delay } from 'node:timers/promises';

export interface ProbeOptions {
  /** For how long an answer, or that there was none, counts. */
  readonly keepMs: number;
  /** Longest wait for an answer. */
  readonly limitMs: number;
}

/**
 * Asks something that may be away or hang, on behalf of whoever scrapes. Undefined where there is no answer in time. One question
 * is on its way at most, and none is asked again before `keepMs` have passed, so scrapes add no load to a store that suffers.
 */
export function createProbe<T>(ask: () => Promise<T>, { keepMs, limitMs }: ProbeOptions): () => Promise<T | undefined> {
  let answer: T | undefined;
  let askedAt = -Infinity;
  let underWay: Promise<void> | undefined;

  const question = async (): Promise<void> => {
    askedAt = performance.now();
    try {
      answer = await ask();
    } catch {
      answer = undefined;
    }
    underWay = undefined;
  };
  return async () => {
    if (!underWay && performance.now() - askedAt < keepMs) return answer;
    const current = (underWay ??= question());
    const limit = new AbortController();
    const inTime = await Promise.race([
      current.then(() => true),
      delay(limitMs, false, { signal: limit.signal, ref: false }).catch(() => false),
    ]);
    limit.abort();
    return inTime ? answer : undefined;
  };
}
