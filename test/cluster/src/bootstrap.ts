import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { run } from './command.ts';

/** What a package manager keeps and an image does not need. */
const unneeded = [
  'var/cache/apt',
  'var/lib/apt/lists',
  'var/log',
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
];

/** Makes an archive of a minimal Debian from the packages of the mirror that the machine uses. */
export async function bootstrapDebian(suite: string, archive: string, log: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'collabeditor-debian-'));
  const root = join(folder, 'root');
  const logged = { log, logOutput: true };
  try {
    const args = ['--variant=minbase', '--include=ca-certificates', suite, root];
    await run('debootstrap', [...args, ...(await mirror())], logged);
    const excluded = unneeded.flatMap((path) => ['--exclude', `./${path}/*`]);
    await run('tar', ['--create', '--file', archive, '--directory', root, ...excluded, '.'], logged);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The machine's mirror. Without one that it tells of, debootstrap has its own. */
async function mirror(): Promise<string[]> {
  const sites = await run('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages']).catch(() => '');
  const first = sites.split('\n').find((site) => site.startsWith('http'));
  return first === undefined ? [] : [first];
}
