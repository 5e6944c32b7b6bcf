import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { until } from '../command.ts';

const mountPoint = '/sys/fs/cgroup';

/** The roots of the machine's cgroup hierarchies: one in version 2, one for each controller in version 1. */
async function hierarchies(): Promise<string[]> {
  if (existsSync(join(mountPoint, 'cgroup.controllers'))) return [mountPoint];
  const entries = await readdir(mountPoint, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(mountPoint, entry.name));
}

/** Makes a cgroup in every hierarchy, ready to have children. */
export async function makeCgroup(name: string): Promise<void> {
  for (const root of await hierarchies()) {
    const cgroup = join(root, name);
    if (root === mountPoint) await offerControllers(root);
    await mkdir(cgroup, { recursive: true });
    if (root === mountPoint) await offerControllers(cgroup);
    // A new cpuset of version 1 allows no processor at all.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (root === mountPoint || !existsSync(join(cgroup, file))) continue;
      if ((await readFile(join(cgroup, file), 'utf8')).trim() === '') {
        await writeFile(join(cgroup, file), await readFile(join(root, file)));
      }
    }
  }
}

/** In version 2 a cgroup has only the controllers that its parent offers. Those that cannot be offered stay away. */
async function offerControllers(cgroup: string): Promise<void> {
  const controllers = (await readFile(join(cgroup, 'cgroup.controllers'), 'utf8')).trim().split(' ');
  for (const controller of controllers) {
    await writeFile(join(cgroup, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined);
  }
}

/** Removes a cgroup and those below it. Their processes have ended, but the kernel may need a moment to notice. */
export async function removeCgroup(name: string): Promise<void> {
  for (const root of await hierarchies()) {
    await until(`the cgroup ${name} to be empty`, async () => ((await removed(join(root, name))) ? true : undefined), {
      seconds: 10,
      interval: 20,
    });
  }
}

async function removed(cgroup: string): Promise<boolean> {
  if (!existsSync(cgroup)) return true;
  let empty = true;
  for (const entry of await readdir(cgroup, { withFileTypes: true })) {
    if (entry.isDirectory()) empty = (await removed(join(cgroup, entry.name))) && empty;
  }
  if (!empty) return false;
  try {
    await rmdir(cgroup);
    return true;
  } catch {
    return false;
  }
}
