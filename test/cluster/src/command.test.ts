import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from '@jest/globals';

import { run, until } from './command.ts';
import { ClusterError } from './errors.ts';

it('[CL10] returns the output of a command that succeeds', async () => {
  await expect(run('sh', ['-c', 'cat; echo unheard >&2'], { input: 'text' })).resolves.toBe('text');
});

it('[CL10] tells the exit code, what was said last and the log', async () => {
  await expect(run('sh', ['-c', 'echo why >&2; exit 3'])).rejects.toThrow(/ended with 3\nwhy/);
  const folder = mkdtempSync(join(tmpdir(), 'collabeditor-command-'));
  const log = join(folder, 'log');
  const thrown: unknown = await run('sh', ['-c', 'echo said; exit 4'], { log, logOutput: true }).catch(
    (e: unknown) => e,
  );
  expect(thrown).toBeInstanceOf(ClusterError);
  expect(thrown).toMatchObject({ code: 'command-failed', log, message: expect.stringMatching(/ended with 4[^]*said/) });
  expect(readFileSync(log, 'utf8')).toContain('said');
  rmSync(folder, { recursive: true });
});

it('[CL10] tells of a command that does not exist', async () => {
  await expect(run('no-such-command', [])).rejects.toMatchObject({ code: 'command-failed' });
});

it('[CL11] waits until there is an answer, and names what it waited for in vain', async () => {
  let asked = 0;
  await expect(until('three', () => (++asked === 3 ? 'three' : undefined), { interval: 1 })).resolves.toBe('three');
  const inVain = until('godot', () => undefined, { seconds: 0.01, interval: 1, detail: () => ', tired' });
  await expect(inVain).rejects.toMatchObject({ code: 'timeout', message: 'waited 0.01 s for godot, tired' });
});
