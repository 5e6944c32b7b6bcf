import { expect, it } from '@jest/globals';

import { layoutOf } from './layout.ts';

it.each(['', 'A', 'a.b', '../up', '-a', 'a-', 'a'.repeat(33), 'a b'])('[CL19] refuses the name %j', (name) => {
  expect(() => layoutOf(name)).toThrow(RangeError);
});

it.each(['a', 'dev', 'run-7', 'a'.repeat(32)])('[CL19] takes the name %j', (name) => {
  expect(layoutOf(name).name).toBe(name);
});

it('[CL20] gives two clusters nothing in common', () => {
  const one: string[] = Object.values({ ...layoutOf('one') });
  const two: string[] = Object.values({ ...layoutOf('two') });
  expect(one.filter((place) => two.includes(place))).toEqual([]);
});
