import type { ChangeSet } from '@codemirror/state';
import type { Row, RowKind } from './row.ts';

/** An immutable list of versions, newest first: taking a copy of a user's history costs nothing. */
export type Versions = { readonly version: number; readonly older: Versions } | null;

/** What one user can undo and redo, as versions whose inverses would be applied. */
export interface History {
  readonly undo: Versions;
  readonly redo: Versions;
}

/** The part of a row that a history is made of. */
export type Step = Pick<Row, 'version' | 'target'> & { readonly kind: RowKind };

export const NO_HISTORY: History = { undo: null, redo: null };

/**
 * The history after one more row of its user. Derived from the log alone, so any replica can rebuild it:
 *
 *   edit          → can be undone; nothing can be redone any more
 *   undo of t     → t and what was above it (inverses that had become empty) leave the undo list; the row can be redone
 *   redo of t     → t and what was above it leave the redo list; the row can be undone
 *   first         → nothing: a document's first content is not undone
 */
export function advance(history: History, step: Step): History {
  switch (step.kind) {
    case 'edit':
      return { undo: { version: step.version, older: history.undo }, redo: null };
    case 'undo':
      return { undo: below(history.undo, step.target), redo: { version: step.version, older: history.redo } };
    case 'redo':
      return { undo: { version: step.version, older: history.undo }, redo: below(history.redo, step.target) };
    case 'first':
      return history;
  }
}

/** Rows from `version` on up to the newest, or null where the oldest of them are not at hand. */
export type RowsFrom = (version: number) => readonly Row[] | null;

/** What undo or redo would do: the edit to make, nothing, or that older rows are needed to say. */
export type Inversion =
  | { readonly type: 'change'; readonly target: number; readonly changes: ChangeSet }
  | { readonly type: 'nothing' }
  | { readonly type: 'needs_rows'; readonly from: number };

/**
 * Inverts the newest version of the list whose inverse, mapped over every later row, still changes something.
 * Rows map over each other in turn with `before` false: of two inserts at one position the one committed first stands first.
 */
export function invert(versions: Versions, rowsFrom: RowsFrom): Inversion {
  for (let candidate = versions; candidate; candidate = candidate.older) {
    const rows = rowsFrom(candidate.version);
    if (!rows) return { type: 'needs_rows', from: candidate.version };
    const changes = mappedInverse(rows);
    if (changes) return { type: 'change', target: candidate.version, changes };
  }
  return { type: 'nothing' };
}

function mappedInverse([row, ...later]: readonly Row[]): ChangeSet | null {
  if (!row) return null;
  let inverse = row.inverse;
  for (const { changes } of later) {
    // What has become empty stays empty.
    if (inverse.empty) return null;
    inverse = inverse.map(changes);
  }
  return inverse.empty ? null : inverse;
}

function below(versions: Versions, target: number | null): Versions {
  let rest = versions;
  while (rest && rest.version !== target && (target === null || rest.version > target)) rest = rest.older;
  return rest && rest.version === target ? rest.older : rest;
}
