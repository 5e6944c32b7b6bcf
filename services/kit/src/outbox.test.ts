import { expect, it } from '@jest/globals';
import { waves } from './outbox.ts';

it('[KI61] a key is in a wave once, and its waves are in order', () => {
  const rows = ['a', 'b', 'a', 'c', 'a', 'b'].map((ordering_key, position) => ({ ordering_key, position }));
  expect(waves(rows).map((wave) => wave.map(({ position }) => position))).toEqual([[0, 1, 3], [2, 5], [4]]);
});
