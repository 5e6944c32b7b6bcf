import { ChangeSet } from '@codemirror/state';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { edited } from '../../test/session.ts';
import { decodeChanges, deletion, difference, growth, insertion, plainSteps, textOf } from './changes.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'é', '😀', '👍') });

/** A text, and one that differs from it by some replacements. */
const twoTexts = fc
  .tuple(text, text, text, text)
  .map(([start, middle, other, end]) => [start + middle + end, start + other + end] as const);

describe('single edits', () => {
  it.each([
    [-1, 'x'],
    [5, 'x'],
    [2, 'x'],
    [0.5, 'x'],
    [0, ''],
    [0, 'a\rb'],
    [0, '\u0000'],
    [0, '\ud800'],
    [0, '\udc00x'],
  ])('[RE3] an insert at %p of %p does not fit "a😀b"', (pos, inserted) =>
    expect(insertion(textOf('a😀b'), pos, inserted)).toBeNull(),
  );

  it.each([
    [0, 0],
    [0, 2],
    [2, 1],
    [3, 2],
    [-1, 1],
    [0, 1.5],
  ])('[RE3] a delete at %p of %p does not fit "a😀b"', (pos, len) =>
    expect(deletion(textOf('a😀b'), pos, len)).toBeNull(),
  );

  it('[RE3] what fits does what strings do', () => {
    expect(insertion(textOf('a😀b'), 3, 'x\ny')?.apply(textOf('a😀b')).toString()).toBe('a😀x\nyb');
    expect(deletion(textOf('a😀b'), 1, 2)?.apply(textOf('a😀b')).toString()).toBe('ab');
  });
});

describe('change sets', () => {
  it.each([
    ['no array', {}],
    ['a total that is not that of the text', [3]],
    ['only retains', [4]],
    ['a fraction', [1.5, [2.5, 'x']]],
    ['a negative length', [5, [-1, 'x']]],
    ['a nested array', [[4, ['x']]]],
    ['a line end inside a line', [4, [0, 'a\nb']]],
    ['a carriage return', [4, [0, 'a\r']]],
    ['U+0000', [4, [0, '\u0000']]],
    ['a lone surrogate', [4, [0, '\ud83d']]],
    ['a split pair', [2, [0, 'x'], 2]],
    ['half a pair', [1, [1], 2]],
    ['an insert of nothing', [4, [0]]],
    ['an insert of one empty line', [4, [0, '']]],
    ['NaN', [Number.NaN, [4]]],
  ])('[RE4] with %s are refused', (_what, json) => expect(decodeChanges(json, textOf('a😀b'))).toBeNull());

  it('[RE4] of CodeMirror itself are taken', () => {
    fc.assert(
      fc.property(twoTexts, ([before, after]) => {
        const changes = difference(textOf(before), after);
        if (!changes) return;
        expect(decodeChanges(changes.toJSON(), textOf(before))?.apply(textOf(before)).toString()).toBe(after);
      }),
    );
  });

  it('[RE5] [RE6] from a difference are one replacement, and their steps give the same text', () => {
    fc.assert(
      fc.property(twoTexts, ([before, after]) => {
        const changes = difference(textOf(before), after);
        if (!changes) return expect(before).toBe(after);
        let ranges = 0;
        changes.iterChanges(() => ranges++);
        expect(ranges).toBe(1);
        expect(changes.apply(textOf(before)).toString()).toBe(after);
        expect(plainSteps(changes).reduce(edited, before)).toBe(after);
        expect(growth(changes, textOf(before))).toBe(Buffer.byteLength(after) - Buffer.byteLength(before));
        changes.iterChanges((from, to) =>
          expect([before.slice(0, from), before.slice(to)].every((part) => part.isWellFormed())).toBe(true),
        );
      }),
    );
  });

  it('[RE6] with several changes become steps that apply one after another', () => {
    const changes = ChangeSet.of(
      [
        { from: 0, to: 1, insert: 'X' },
        { from: 3, insert: 'Y\n' },
        { from: 4, to: 6 },
      ],
      6,
    );
    expect(plainSteps(changes).reduce(edited, 'abcdef')).toBe(changes.apply(textOf('abcdef')).toString());
    expect(plainSteps(ChangeSet.empty(3))).toEqual([{ type: 'insert', pos: 0, text: '' }]);
  });
});
