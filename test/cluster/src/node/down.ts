import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';

import { withLock } from '../lock.ts';
import { stage } from '../stage.ts';
import { removeCgroup } from './cgroups.ts';
import type { Layout } from './layout.ts';
import { clustersRoot, layoutOf, mountPointLock } from './layout.ts';
import { endNamespaces, mountPoints } from './namespaces.ts';

/** Stops a cluster and removes everything of it, in whatever state it is. */
export async function down(layout: Layout): Promise<void> {
  await withLock(layout.lock, async () => {
    if (!existsSync(layout.state)) return;
    await stage(`stop ${layout.name}`, () => endNamespaces(layout));
    await stage(`remove ${layout.name}`, async () => {
      await removeCgroup(layout.cgroup);
      // Its mounts were in the node's own namespace and have gone with it; these are plain files.
      await rm(layout.state, { recursive: true, force: true, maxRetries: 3 });
      await removeMountPoints();
    });
  });
}

/** Removing the folders would take the mounts of other clusters with it, so the last one does. */
async function removeMountPoints(): Promise<void> {
  await withLock(mountPointLock(), async () => {
    if ((await clusterNames()).length > 0) return;
    // Where the machine has a kubelet of its own, its folder is not empty.
    for (const folder of mountPoints) await rmdir(folder).catch(() => undefined);
  });
}

/** The names of all clusters that have state. */
export async function clusterNames(): Promise<string[]> {
  if (!existsSync(clustersRoot())) return [];
  return (await readdir(clustersRoot())).filter(isClusterName).toSorted();
}

function isClusterName(name: string): boolean {
  try {
    layoutOf(name);
    return true;
  } catch {
    return false;
  }
}
