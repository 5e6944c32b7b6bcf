import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

import { ClusterError } from './errors.ts';

/**
 * Does something while no other process holds the lock of the same file.
 *
 * The kernel's lock belongs to a `flock` process that ends with our end of its pipe, so a killed run leaves no lock.
 */
export async function withLock<T>(file: string, action: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A Ctrl-C reaches us first; the lock is to outlast the cleaning up.
    detached: true,
  });
  const ended = once(holder, 'close');
  const locked = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!locked) throw new ClusterError('command-failed', `flock could not lock ${file}`);
  try {
    return await action();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
