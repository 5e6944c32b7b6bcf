import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from '@jest/globals';

import { keepNewest } from './keep.ts';

it('[CL5] keeps the newest four with what lies beside them, and everything else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'collabeditor-keep-'));
  for (const [time, name] of ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'b1'].entries()) {
    for (const file of [name, `${name}.digest`]) writeFileSync(join(folder, file), '');
    utimesSync(join(folder, name), time, time);
  }
  await keepNewest(folder, (entry) => /^a\d$/.test(entry));
  const left = ['a3', 'a4', 'a5', 'a6', 'b1'].flatMap((name) => [name, `${name}.digest`]);
  expect(readdirSync(folder).toSorted()).toEqual(left);
  rmSync(folder, { recursive: true });
});
