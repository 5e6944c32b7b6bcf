import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { withLock } from './lock.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'collabeditor-lock-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('[CL3] lets one action in at a time', async () => {
  const file = join(folder, 'one');
  let inside = 0;
  let most = 0;
  const action = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 5 }, () => withLock(file, action)));
  expect(most).toBe(1);
});

it('[CL3] is free again after an action that failed', async () => {
  const file = join(folder, 'failed');
  await expect(withLock(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(withLock(file, () => Promise.resolve('yes'))).resolves.toBe('yes');
});

it('[CL4] is free after its holder was killed', async () => {
  const file = join(folder, 'killed');
  const module = join(import.meta.dirname, 'lock.ts');
  const program = `
    import { withLock } from ${JSON.stringify(module)};
    await withLock(${JSON.stringify(file)}, () => { console.log('inside'); return new Promise(() => setInterval(() => {}, 1000)); });`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  holder.kill('SIGKILL');
  await expect(withLock(file, () => Promise.resolve('yes'))).resolves.toBe('yes');
});
