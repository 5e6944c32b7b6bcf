import type { ChangeSet, Text } from '@codemirror/state';
import { growth } from './changes.ts';
import { editKey, type KnownEdit, type Row } from './row.ts';
import { advance, type History, NO_HISTORY, type RowsFrom } from './undo.ts';

/** What PostgreSQL holds of a document when it is opened. `rows` are the newest ones, up to `version`. */
export interface Opened {
  readonly text: Text;
  readonly version: number;
  readonly rev: string;
  readonly bytes: number;
  readonly rows: readonly Row[];
}

/** An edit that is about to become a row. */
export interface Draft {
  readonly kind: Row['kind'];
  readonly target: number | null;
  readonly changes: ChangeSet;
  readonly editId: string | null;
  readonly base: number | null;
  readonly payload: string;
}

/** The text that the next edit has to fit, with its size in bytes of UTF-8. */
export interface Tip {
  readonly text: Text;
  readonly version: number;
  readonly bytes: number;
}

/** An accepted edit that PostgreSQL has not committed yet. Its row's version is a promise that holds if everything before it is committed. */
export interface Waiting {
  readonly row: Row;
  readonly after: Tip;
  readonly base: number | null;
  readonly payload: string;
  /** What is remembered under its id. */
  readonly known: KnownEdit | null;
}

/**
 * One document in memory: what is committed (`text`, `version`, `rev`, `rows`), and on top of it the edits that wait for their
 * commit, in order. `tip` is what the text becomes when all of them are committed.
 */
export interface Document {
  text: Text;
  version: number;
  rev: string;
  /** The newest committed rows without a gap; the last one's version is `version`. */
  rows: Row[];
  waiting: Waiting[];
  tip: Tip;
  bytes: number;
  /** Undo and redo lists of the users who have asked for one, at `version` and at `tip`. */
  histories: Map<string, History>;
  tipHistories: Map<string, History>;
  /** Edit ids that are known here: waiting ones, those of `rows` and those that were looked up. */
  ids: Map<string, KnownEdit>;
  /** Ids of rows that other replicas committed, with their versions. What they stood for has to be looked up. */
  foreignIds: Map<string, number>;
}

export function createDocument({ text, version, rev, bytes, rows }: Opened): Document {
  return {
    text,
    version,
    rev,
    rows: [...rows],
    waiting: [],
    tip: { text, version, bytes },
    bytes,
    histories: new Map(),
    tipHistories: new Map(),
    ids: new Map(),
    foreignIds: new Map(),
  };
}

/** Puts an edit behind those that wait. Its changes fit the tip. */
export function append(
  document: Document,
  draft: Draft,
  author: { userId: string; clientId: string },
  rev: string,
): void {
  const { tip } = document;
  const row: Row = {
    version: tip.version + 1,
    rev,
    kind: draft.kind,
    target: draft.target,
    userId: author.userId,
    clientId: author.clientId,
    editId: draft.editId,
    changes: draft.changes,
    inverse: draft.changes.invert(tip.text),
  };
  document.tip = after(tip, row);
  const { base, payload, editId } = draft;
  const known =
    editId === null
      ? null
      : { userId: row.userId, clientId: row.clientId, editId, version: row.version, base, payload };
  document.waiting.push({ row, after: document.tip, base, payload, known });
  const history = historyAtTip(document, row.userId);
  if (history) document.tipHistories.set(row.userId, advance(history, row));
  if (known) document.ids.set(editKey(known), known);
}

/** The first `count` waiting edits are committed. */
export function commitWaiting(document: Document, count: number): readonly Row[] {
  const committed = document.waiting.splice(0, count);
  for (const { row, after } of committed) advanceTo(document, row, after);
  if (document.waiting.length === 0) resetTip(document);
  return committed.map(({ row }) => row);
}

/** Rows that another replica committed. Nothing waits: waiting edits are taken back first. */
export function applyRows(document: Document, rows: readonly Row[]): void {
  for (const row of rows) {
    advanceTo(document, row, after(document, row));
    if (row.editId !== null) document.foreignIds.set(editKey({ ...row, editId: row.editId }), row.version);
  }
  resetTip(document);
}

/** Takes back the waiting edits behind the first `keep`, as if they had not been accepted. */
export function takeBack(document: Document, keep: number): void {
  for (const { known } of document.waiting.splice(keep)) {
    // PostgreSQL may know the id meanwhile; that stays.
    if (known && document.ids.get(editKey(known)) === known) document.ids.delete(editKey(known));
  }
  resetTip(document);
}

/** History of a user at the tip, or null where it has not been read yet. */
export function historyAtTip(document: Document, userId: string): History | null {
  return (
    document.tipHistories.get(userId) ?? document.histories.get(userId) ?? (document.version === 0 ? NO_HISTORY : null)
  );
}

/** Keeps a history that was read at `version`; false where rows since then are no longer at hand. */
export function learnHistory(document: Document, userId: string, history: History, version: number): boolean {
  const since = rowsFrom(document, version + 1);
  if (!since) return false;
  let known = history;
  for (const row of since) if (row.userId === userId) known = advance(known, row);
  document.histories.set(userId, known);
  let atTip = known;
  for (const { row } of document.waiting) if (row.userId === userId) atTip = advance(atTip, row);
  document.tipHistories.set(userId, atTip);
  return true;
}

/** Committed rows from a version on, or null where they are no longer in memory. */
export function rowsFrom(document: Document, version: number): readonly Row[] | null {
  const oldest = document.version - document.rows.length + 1;
  return version < oldest ? null : document.rows.slice(version - oldest);
}

/** Committed and waiting rows from a version on. */
export function rowsToTip(document: Document): RowsFrom {
  return (version) => {
    if (version > document.version) return document.waiting.slice(version - document.version - 1).map(({ row }) => row);
    const committed = rowsFrom(document, version);
    return committed ? [...committed, ...document.waiting.map(({ row }) => row)] : null;
  };
}

/** Puts older rows before those in memory. They end where these begin. */
export function prependRows(document: Document, older: readonly Row[]): void {
  const oldest = document.version - document.rows.length + 1;
  document.rows = [...older.filter((row) => row.version < oldest), ...document.rows];
}

/** Forgets rows beyond the newest `keep`, and with them their edit ids. */
export function trim(document: Document, keep: number): void {
  if (document.rows.length <= keep) return;
  document.rows = document.rows.slice(-keep);
  const oldest = document.version - keep + 1;
  for (const [key, { version }] of document.ids) if (version < oldest) document.ids.delete(key);
  for (const [key, version] of document.foreignIds) if (version < oldest) document.foreignIds.delete(key);
}

function after(before: Tip, { changes, version }: Row): Tip {
  return { text: changes.apply(before.text), version, bytes: before.bytes + growth(changes, before.text) };
}

function advanceTo(document: Document, row: Row, { text, bytes }: Tip): void {
  document.bytes = bytes;
  document.text = text;
  document.version = row.version;
  document.rev = row.rev;
  document.rows.push(row);
  const history = document.histories.get(row.userId);
  if (history) document.histories.set(row.userId, advance(history, row));
  else if (row.version === 1) document.histories.set(row.userId, advance(NO_HISTORY, row));
}

function resetTip(document: Document): void {
  document.tip = document.waiting.at(-1)?.after ?? {
    text: document.text,
    version: document.version,
    bytes: document.bytes,
  };
  document.tipHistories.clear();
  for (const { row } of document.waiting) {
    const history = historyAtTip(document, row.userId);
    if (history) document.tipHistories.set(row.userId, advance(history, row));
  }
}
