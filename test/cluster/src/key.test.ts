import { describe, expect, it } from '@jest/globals';

import { contentKey } from './key.ts';

describe('contentKey', () => {
  const a = { name: 'a', content: 'one' };
  const b = { name: 'b', content: 'two' };

  it('[CL1] is the same for the same inputs in another order', () => {
    expect(contentKey([a, b])).toBe(contentKey([b, a]));
    expect(contentKey([a])).toBe(contentKey([{ name: 'a', content: Buffer.from('one') }]));
  });

  it('[CL1] differs where a name or a content differs', () => {
    const keys = [[a], [b], [a, b], [{ ...a, name: 'c' }], [{ ...a, content: 'other' }], []].map(contentKey);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('[CL2] tells apart what would be the same when run together', () => {
    expect(contentKey([{ name: 'ab', content: 'c' }])).not.toBe(contentKey([{ name: 'a', content: 'bc' }]));
    expect(
      contentKey([
        { name: 'x', content: 'a' },
        { name: 'y', content: '' },
      ]),
    ).not.toBe(
      contentKey([
        { name: 'x', content: '' },
        { name: 'y', content: 'a' },
      ]),
    );
  });
});
