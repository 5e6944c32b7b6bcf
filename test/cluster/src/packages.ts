import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ClusterError } from './errors.ts';
import { room } from './paths.ts';

/** What a command needs of the machine. */
const needs = {
  node: ['containernetworking-plugins', 'nftables', 'iproute2', 'conntrack', 'buildah', 'e2fsprogs'],
  images: ['buildah', 'debootstrap'],
};

/** Refuses to go on where packages are missing or where the user may not do what follows. */
export function requirePackages(use: keyof typeof needs): void {
  if (process.platform !== 'linux') throw new ClusterError('unsupported', 'the test cluster needs Linux');
  if (process.getuid?.() !== 0) throw new ClusterError('unsupported', 'the test cluster needs root');
  const list = parsePackages(readFileSync(join(room, 'packages.txt'), 'utf8'));
  const missing = missingPackages(needs[use], list);
  if (missing.length > 0) {
    throw new ClusterError(
      'missing-packages',
      `missing Debian packages: ${missing.join(' ')}; install them with ${join(room, 'install-packages')}`,
    );
  }
}

/** Those of the packages whose files are not there. */
export function missingPackages(names: readonly string[], list: ReadonlyMap<string, string>): string[] {
  return names.filter((name) => !isThere(list.get(name)));
}

/** Packages and the files that tell that they are there. */
export function parsePackages(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [name = '', witness = ''] = line.trim().split(/\s+/);
      return [name, witness];
    }),
  );
}

function isThere(witness: string | undefined): boolean {
  if (witness === undefined) return false;
  return witness.includes('*') ? globSync(witness).length > 0 : existsSync(witness);
}
