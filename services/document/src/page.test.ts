import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

type Operation = { type: 'insert'; pos: number; text: string } | { type: 'delete'; pos: number; len: number };

interface PageText {
  nextOperation(before: string, after: string): Operation | null;
  applyOperation(text: string, op: Operation): string;
  merge(base: string, mine: string, theirs: string): string;
  movedCaret(before: string, after: string, caret: number): number;
}

const html = readFileSync(new URL('../public/index.html', import.meta.url), 'utf8');
const source = /\/\* text: begin \*\/([\s\S]*)\/\* text: end \*\//.exec(html)?.[1] ?? '';
const page = runInNewContext(`${source}; ({ nextOperation, applyOperation, merge, movedCaret })`) as PageText;

/** Short texts of few characters, so that random pairs have much in common; some are surrogate pairs that share a half. */
const text = fc
  .array(fc.constantFrom('a', 'b', '\n', '😀', '😁', '🐀'), { maxLength: 12 })
  .map((parts) => parts.join(''));

function operations(before: string, after: string): Operation[] {
  const list: Operation[] = [];
  let at = before;
  for (let op = page.nextOperation(at, after); op; op = page.nextOperation(at, after)) {
    list.push(op);
    at = page.applyOperation(at, op);
    expect(at.isWellFormed()).toBe(true);
    if (op.type === 'insert') expect(op.text.isWellFormed()).toBe(true);
  }
  expect(at).toBe(after);
  return list;
}

describe('the text of the page', () => {
  it('[DO41] makes of any two texts at most a delete and an insert that lead from one to the other, pairs kept whole', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(operations(before, after).length).toBeLessThanOrEqual(2);
      }),
    );
  });

  it('[DO41] cuts a long insert between characters', () => {
    const long = '😀'.repeat(120_000) + 'x' + '😀'.repeat(80_000);
    expect(operations('', long).length).toBeGreaterThan(1);
  });

  it('[DO41] merges: what one side alone did is taken, and both sides’ typing survives', () => {
    fc.assert(
      fc.property(text, text, (base, other) => {
        expect(page.merge(base, base, other)).toBe(other);
        expect(page.merge(base, other, base)).toBe(other);
      }),
    );
    fc.assert(
      fc.property(text, fc.nat(), fc.nat(), (base, one, two) => {
        const insert = (at: number, what: string): string => {
          const characters = Array.from(base);
          characters.splice(at % (characters.length + 1), 0, what);
          return characters.join('');
        };
        const merged = page.merge(base, insert(one, 'MINE'), insert(two, 'THEIRS'));
        expect(merged).toContain('MINE');
        expect(merged).toContain('THEIRS');
        expect(merged.length).toBe(base.length + 10);
      }),
    );
  });

  it('[DO41] keeps the caret inside the text and beside what it stood at', () => {
    expect(page.movedCaret('hello', 'oh hello', 5)).toBe(8);
    fc.assert(
      fc.property(text, text, fc.nat(), (before, after, at) => {
        const caret = page.movedCaret(before, after, at % (before.length + 1));
        expect(caret).toBeGreaterThanOrEqual(0);
        expect(caret).toBeLessThanOrEqual(after.length);
      }),
    );
  });
});
