import { expect, it } from '@jest/globals';

import { nodeParts, parts } from './parts.ts';

it('[CL34] needs no program for a node that only goes into an image', () => {
  const others = parts.map((part) => part.name).filter((name) => !nodeParts.includes(name));
  expect(others).toEqual(['prometheus', 'loki', 'collector']);
});
