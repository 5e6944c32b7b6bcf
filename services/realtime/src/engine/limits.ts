import { FRAME_BURST, FRAMES_PER_SECOND } from '@collabeditor/contracts';

const REFUSALS = 100;
const REFUSALS_WITHIN_MS = 10_000;

/** Frames that a connection may still send, and the refusals that it has had lately. */
export interface RateLimit {
  tokens: number;
  at: number;
  refusals: number[];
}

export type RateVerdict = 'pass' | 'refuse' | 'close';

export function createRateLimit(now: number): RateLimit {
  return { tokens: FRAME_BURST, at: now, refusals: [] };
}

/** Whether one more frame may pass. Who keeps sending after many refusals is closed. */
export function meter(limit: RateLimit, now: number): RateVerdict {
  limit.tokens = Math.min(FRAME_BURST, limit.tokens + ((now - limit.at) / 1000) * FRAMES_PER_SECOND);
  limit.at = now;
  if (limit.tokens >= 1) {
    limit.tokens--;
    return 'pass';
  }
  limit.refusals = [...limit.refusals.filter((at) => now - at < REFUSALS_WITHIN_MS), now];
  return limit.refusals.length > REFUSALS ? 'close' : 'refuse';
}
