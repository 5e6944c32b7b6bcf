import { describe, expect, it } from '@jest/globals';
import { applyEdit, replay, type Acknowledged } from './model.ts';
import { fit, twoAuthors } from './trace.ts';

const typed = (author: string, version: number, pos: number, text: string): Acknowledged => ({
  author,
  version,
  edit: { type: 'insert', pos, text },
});

describe('the string model', () => {
  it('[EE16] applies edits in version order and knows whose characters survive', () => {
    const erased: Acknowledged = { author: 'a', version: 3, edit: { type: 'delete', pos: 1, len: 2 } };
    expect(replay('', 0, [erased, typed('b', 2, 1, 'xyz'), typed('a', 1, 0, 'ab')])).toEqual({
      text: 'azb',
      survivors: new Map([
        ['a', 2],
        ['b', 1],
      ]),
    });
  });

  it('[EE16] refuses a gap and a double', () => {
    expect(() => replay('', 0, [typed('a', 2, 0, 'x')])).toThrow(/gap or a double/);
    expect(() => replay('', 0, [typed('a', 1, 0, 'x'), typed('b', 1, 0, 'y')])).toThrow(/gap or a double/);
    expect(() => applyEdit('abc', { type: 'delete', pos: 2, len: 2 })).toThrow(/does not fit/);
  });

  it('[EE17] a trace has two authors, and its edits fit what they are made to fit', () => {
    const { byAuthor } = twoAuthors(200);
    expect(byAuthor.map((edits) => edits.length > 0)).toEqual([true, true]);
    let text = '👩‍🚀👩‍🚀';
    for (const edit of byAuthor.flat()) {
      const fitted = fit(edit, text);
      if (fitted) text = applyEdit(text, fitted);
      expect(text.isWellFormed()).toBe(true);
    }
    expect(fit({ type: 'delete', pos: 99, len: 1 }, 'ab')).toBeUndefined();
  });
});
