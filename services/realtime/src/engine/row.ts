import type { ChangeSet } from '@codemirror/state';

/**
 * What an edit means to its author's undo: `edit` can be undone, `undo` and `redo` name the version that they invert,
 * `first` (the content that a document was created with) can't be undone.
 */
export type RowKind = 'edit' | 'undo' | 'redo' | 'first';

/** One edit of the log. Row n turns the text of version n-1 into that of version n. */
export interface Row {
  readonly version: number;
  /** Random and made by the server: two histories that differ at a version differ in its rev. */
  readonly rev: string;
  readonly kind: RowKind;
  /** Version that an undo or redo inverts. */
  readonly target: number | null;
  readonly userId: string;
  readonly clientId: string;
  readonly editId: string | null;
  readonly changes: ChangeSet;
  readonly inverse: ChangeSet;
}

/** What is remembered of an accepted edit id. */
export interface KnownEdit {
  readonly userId: string;
  readonly clientId: string;
  readonly editId: string;
  readonly version: number;
  /** Version that the edit named, null where it named none (undo, redo). */
  readonly base: number | null;
  readonly payload: string;
}

/** Revision of version 0, the empty text of a document that nobody has edited. */
export const REV_OF_NOTHING = '0';

/** Key of an edit id inside one document. A client id has no space, an edit id may have. */
export function editKey(edit: { readonly userId: string; readonly clientId: string; readonly editId: string }): string {
  return `${edit.userId} ${edit.clientId} ${edit.editId}`;
}
