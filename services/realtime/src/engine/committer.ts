import type { Part } from './hub-state.ts';
import type { KnownEdit } from './row.ts';

/** Most edits in one commit, all documents together. What is beyond it goes with the next. */
const MAX_EDITS = 2000;
const FIRST_REST_MS = 50;
const LONGEST_REST_MS = 1000;

/**
 * Group commit: the waiting edits of all documents of a replica go to PostgreSQL in one statement, one statement at a time.
 *
 *   idle ── ready ──► committing ── committed ──► idle, or committing what has become ready meanwhile
 *                         ├── rejected ──► committing one half, then the other; a document alone is told
 *                         └── failed ────► resting ── rested ──► as from idle
 */
export interface Committer {
  phase:
    | { readonly type: 'idle' }
    | { readonly type: 'committing'; readonly parts: readonly Part[] }
    | { readonly type: 'resting' };
  /** Documents with waiting edits, in the order in which they get their turn. */
  readonly ready: Set<string>;
  /** Halves of a rejected commit that are still to be tried. */
  readonly halves: (readonly Part[])[];
  failures: number;
}

export type CommitterEvent =
  | { readonly type: 'ready'; readonly documentId: string }
  | {
      readonly type: 'committed';
      readonly won: ReadonlySet<string>;
      readonly known: ReadonlyMap<string, readonly KnownEdit[]>;
    }
  /** PostgreSQL refused the data of some edit. */
  | { readonly type: 'rejected' }
  /** PostgreSQL did not answer; with `unknown` the commit may have happened. */
  | { readonly type: 'failed'; readonly unknown: boolean }
  | { readonly type: 'rested' };

export type PartOutcome =
  | { readonly type: 'committed' }
  | { readonly type: 'lost'; readonly known: readonly KnownEdit[] }
  | { readonly type: 'rejected' }
  | { readonly type: 'failed'; readonly unknown: boolean };

export type CommitterEffect =
  | { readonly type: 'commit'; readonly parts: readonly Part[] }
  | { readonly type: 'rest'; readonly ms: number }
  | { readonly type: 'outcome'; readonly documentId: string; readonly outcome: PartOutcome };

/** Asks a document for the edits that it wants committed now. */
export type Take = (documentId: string) => Part | null;

export function createCommitter(): Committer {
  return { phase: { type: 'idle' }, ready: new Set(), halves: [], failures: 0 };
}

/** One event changes the committer and says what is to be done, outcomes first. */
export function stepCommitter(committer: Committer, event: CommitterEvent, take: Take): CommitterEffect[] {
  if (event.type === 'ready') {
    committer.ready.add(event.documentId);
    return committer.phase.type === 'idle' ? begin(committer, take) : [];
  }
  if (event.type === 'rested') {
    committer.phase = { type: 'idle' };
    return begin(committer, take);
  }
  const { phase } = committer;
  if (phase.type !== 'committing') return [];
  committer.phase = { type: 'idle' };
  const outcomes = conclude(committer, phase.parts, event);
  if (event.type !== 'failed') {
    committer.failures = 0;
    return [...outcomes, ...begin(committer, take)];
  }
  committer.phase = { type: 'resting' };
  const ms = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(committer.failures++, 10));
  return [...outcomes, { type: 'rest', ms }];
}

function conclude(
  committer: Committer,
  parts: readonly Part[],
  event: Exclude<CommitterEvent, { type: 'ready' | 'rested' }>,
): CommitterEffect[] {
  const outcome = ({ documentId }: Part, result: PartOutcome): CommitterEffect => ({
    type: 'outcome',
    documentId,
    outcome: result,
  });
  switch (event.type) {
    case 'committed':
      return parts.map((part) =>
        outcome(
          part,
          event.won.has(part.documentId)
            ? { type: 'committed' }
            : { type: 'lost', known: event.known.get(part.documentId) ?? [] },
        ),
      );
    case 'failed': {
      // Halves that were not tried again are in the same position as the one that was.
      const others = committer.halves.splice(0).flat();
      return [
        ...parts.map((part) => outcome(part, event)),
        ...others.map((part) => outcome(part, { type: 'failed', unknown: false })),
      ];
    }
    case 'rejected': {
      if (parts.length === 1) return parts.map((part) => outcome(part, { type: 'rejected' }));
      const middle = Math.ceil(parts.length / 2);
      committer.halves.unshift(parts.slice(0, middle), parts.slice(middle));
      return [];
    }
  }
}

function begin(committer: Committer, take: Take): CommitterEffect[] {
  const parts = committer.halves.shift() ?? takeAll(committer, take);
  if (parts.length === 0) return [];
  committer.phase = { type: 'committing', parts };
  return [{ type: 'commit', parts }];
}

function takeAll({ ready }: Committer, take: Take): Part[] {
  const parts: Part[] = [];
  let edits = 0;
  for (const documentId of ready) {
    if (edits >= MAX_EDITS) break;
    ready.delete(documentId);
    const part = take(documentId);
    if (!part) continue;
    parts.push(part);
    edits += part.rows.length;
  }
  return parts;
}
