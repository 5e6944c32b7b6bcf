import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** How many results of one build the cache keeps: for going back and forth between branches, and for checkouts. */
const kept = 4;

/** Removes all but the newest of the matching entries of a folder, with what lies beside them under longer names. */
export async function keepNewest(folder: string, matches: (entry: string) => boolean): Promise<void> {
  const entries = await readdir(folder);
  const aged = await Promise.all(
    entries.filter(matches).map(async (entry) => ({ entry, time: (await stat(join(folder, entry))).mtimeMs })),
  );
  const old = aged.toSorted((a, b) => b.time - a.time).slice(kept);
  for (const { entry } of old) {
    for (const beside of entries.filter((other) => other.startsWith(entry))) {
      await rm(join(folder, beside), { recursive: true, force: true });
    }
  }
}
