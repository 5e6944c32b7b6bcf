/** The independent string model: what a document is after its acknowledged edits, in version order. No line of the services is used. */
import { strict as assert } from 'node:assert';

export type Edit =
  | { readonly type: 'insert'; readonly pos: number; readonly text: string }
  | { readonly type: 'delete'; readonly pos: number; readonly len: number };

export interface Acknowledged {
  readonly author: string;
  readonly version: number;
  readonly edit: Edit;
}

export function applyEdit(text: string, edit: Edit): string {
  const end = edit.type === 'insert' ? edit.pos : edit.pos + edit.len;
  assert.ok(edit.pos >= 0 && end <= text.length, `${JSON.stringify(edit)} does not fit a text of ${text.length}`);
  return text.slice(0, edit.pos) + (edit.type === 'insert' ? edit.text : '') + text.slice(end);
}

export interface Replayed {
  readonly text: string;
  /** How many characters of the final text each author typed. */
  readonly survivors: ReadonlyMap<string, number>;
}

/** Applies the acknowledged edits from `base`; versions must be the ones from `baseVersion + 1` on, without a gap or a double. */
export function replay(base: string, baseVersion: number, acknowledged: readonly Acknowledged[]): Replayed {
  const ordered = [...acknowledged].sort((a, b) => a.version - b.version);
  let text = base;
  let authors: string[] = Array.from({ length: base.length }, () => '');
  ordered.forEach(({ version, edit, author }, index) => {
    assert.equal(version, baseVersion + index + 1, 'versions of acknowledged edits have a gap or a double');
    text = applyEdit(text, edit);
    const kept = edit.type === 'insert' ? 0 : edit.len;
    const typed = edit.type === 'insert' ? Array.from({ length: edit.text.length }, () => author) : [];
    authors = [...authors.slice(0, edit.pos), ...typed, ...authors.slice(edit.pos + kept)];
  });
  const survivors = new Map<string, number>();
  for (const author of authors) survivors.set(author, (survivors.get(author) ?? 0) + 1);
  return { text, survivors };
}
