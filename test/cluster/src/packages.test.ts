import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from '@jest/globals';

import { missingPackages, parsePackages } from './packages.ts';
import { room } from './paths.ts';

it('[CL23] names the packages whose files are not there', () => {
  const list = parsePackages('# comment\nnode-here   /proc/self/*at\n\ngone  /no/such/file\n');
  expect(missingPackages(['node-here', 'gone', 'unlisted'], list)).toEqual(['gone', 'unlisted']);
});

it('[CL23] lists each package with a whole path', () => {
  const list = parsePackages(readFileSync(join(room, 'packages.txt'), 'utf8'));
  expect(list.size).toBeGreaterThan(10);
  for (const witness of list.values()) expect(witness).toMatch(/^\/usr\//);
});
