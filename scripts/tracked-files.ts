import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The files that git tracks, and the new ones that it does not ignore. */
export function trackedFiles(filter: (file: string) => boolean): string[] {
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
    .split('\n')
    .filter((file) => file !== '' && filter(file) && existsSync(file));
}
