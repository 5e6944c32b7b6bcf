import { createHash } from 'node:crypto';
import { ChangeSet, Text } from '@codemirror/state';

/** One step of the plain dialect: what an edit looks like to a client that knows inserts and deletes only. */
export type PlainStep =
  | { readonly type: 'insert'; readonly pos: number; readonly text: string }
  | { readonly type: 'delete'; readonly pos: number; readonly len: number };

/** A text from its characters; the inverse of `String(text)`. */
export function textOf(content: string): Text {
  return Text.of(content.split('\n'));
}

/** The change that an insert makes to `text`, or null where it does not fit: out of range, inside a surrogate pair, bad characters. */
export function insertion(text: Text, pos: number, inserted: string): ChangeSet | null {
  if (inserted === '' || !isText(inserted) || !isBoundary(text, pos)) return null;
  return ChangeSet.of({ from: pos, insert: textOf(inserted) }, text.length);
}

/** The change that a delete makes to `text`, or null where it does not fit. */
export function deletion(text: Text, pos: number, len: number): ChangeSet | null {
  if (len < 1 || !isBoundary(text, pos) || !isBoundary(text, pos + len)) return null;
  return ChangeSet.of({ from: pos, to: pos + len }, text.length);
}

/**
 * A change set from a client's JSON, or null. `ChangeSet.fromJSON` takes malformed input (fractions, negative lengths, nested
 * arrays), so every number and the total are checked before it sees them.
 */
export function decodeChanges(json: unknown, text: Text): ChangeSet | null {
  if (!Array.isArray(json)) return null;
  let covered = 0;
  let changed = false;
  for (const part of json as unknown[]) {
    const section = decodeSection(part);
    if (!section) return null;
    covered += section.length;
    changed ||= section.changes;
  }
  if (!changed || covered !== text.length) return null;
  const changes = ChangeSet.fromJSON(json);
  return keepsPairs(changes, text) ? changes : null;
}

/** The least single replacement that turns `text` into `content`; null where they are equal. */
export function difference(text: Text, content: string): ChangeSet | null {
  const before = text.toString();
  if (before === content) return null;
  const limit = Math.min(before.length, content.length);
  let start = 0;
  while (start < limit && before.charCodeAt(start) === content.charCodeAt(start)) start++;
  if (splitsPair(before, start) || splitsPair(content, start)) start--;
  let end = 0;
  while (
    end < limit - start &&
    before.charCodeAt(before.length - 1 - end) === content.charCodeAt(content.length - 1 - end)
  )
    end++;
  if (splitsPair(before, before.length - end) || splitsPair(content, content.length - end)) end--;
  const insert = textOf(content.slice(start, content.length - end));
  return ChangeSet.of({ from: start, to: before.length - end, insert }, before.length);
}

/** By how many bytes of UTF-8 `changes` makes `text` longer. */
export function growth(changes: ChangeSet, text: Text): number {
  let bytes = 0;
  changes.iterChanges((fromA, toA, _fromB, _toB, inserted) => {
    bytes += Buffer.byteLength(inserted.toString()) - Buffer.byteLength(text.sliceString(fromA, toA));
  });
  return bytes;
}

/** The steps that bring about `changes` when they are applied one after another; an edit that does nothing is an insert of "". */
export function plainSteps(changes: ChangeSet): readonly PlainStep[] {
  const steps: PlainStep[] = [];
  // What lies left of a range has been applied when its turn comes, so positions are those of the new text.
  changes.iterChanges((fromA, toA, fromB, _toB, inserted) => {
    if (toA > fromA) steps.push({ type: 'delete', pos: fromB, len: toA - fromA });
    if (inserted.length > 0) steps.push({ type: 'insert', pos: fromB, text: inserted.toString() });
  });
  return steps.length > 0 ? steps : [{ type: 'insert', pos: 0, text: '' }];
}

/** Fingerprint by which a resent edit is told from another edit under the same id. */
export function fingerprint(payload: unknown): string {
  return createHash('sha256').update(JSON.stringify(payload)).digest('base64url');
}

/** Whether a string may stand in a document: LF line ends, no U+0000, only whole characters. */
function isText(content: string): boolean {
  return content.isWellFormed() && !content.includes('\r') && !content.includes('\u0000');
}

function decodeSection(part: unknown): { length: number; changes: boolean } | null {
  if (isLength(part)) return { length: part, changes: false };
  if (!Array.isArray(part)) return null;
  const [length, ...lines] = part as unknown[];
  if (!isLength(length)) return null;
  if (!lines.every((line) => typeof line === 'string' && isText(line) && !line.includes('\n'))) return null;
  const insertsNothing = lines.length === 0 || (lines.length === 1 && lines[0] === '');
  return length === 0 && insertsNothing ? null : { length, changes: true };
}

function isLength(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function keepsPairs(changes: ChangeSet, text: Text): boolean {
  let whole = true;
  changes.iterChangedRanges((fromA, toA) => {
    whole &&= isBoundary(text, fromA) && isBoundary(text, toA);
  }, true);
  return whole;
}

function isBoundary(text: Text, pos: number): boolean {
  if (!Number.isSafeInteger(pos) || pos < 0 || pos > text.length) return false;
  return pos === 0 || pos === text.length || !splitsPair(text.sliceString(pos - 1, pos + 1), 1);
}

function splitsPair(content: string, pos: number): boolean {
  const before = content.charCodeAt(pos - 1);
  const after = content.charCodeAt(pos);
  return before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
}
