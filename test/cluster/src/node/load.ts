import { resolve } from 'node:path';

import { run } from '../command.ts';
import type { ProcessIdentity } from '../identity.ts';
import { stage } from '../stage.ts';
import type { Programs } from './control-plane.ts';
import { runtimeClient } from './control-plane.ts';
import type { Layout } from './layout.ts';
import { insideNode } from './namespaces.ts';

/** Hands images to the cluster, but not those that it has already. Returns how many were new. */
export async function load(
  layout: Layout,
  init: ProcessIdentity,
  programs: Programs,
  archives: readonly string[],
): Promise<number> {
  const ctr = (...args: string[]): Promise<string> =>
    run('nsenter', [...insideNode(init), programs('containerd', 'ctr'), ...runtimeClient(layout), ...args]);
  const present = imagesIn(await ctr('images', 'ls'));
  const wanted = await Promise.all(archives.map(async (archive) => ({ archive, images: await imagesOf(archive) })));
  const missing = wanted.filter(({ images }) => images.some(({ name, digest }) => present.get(name) !== digest));
  await Promise.all(
    missing.map(async ({ archive, images }) => {
      const names = images.map((image) => image.name).join(' ');
      // The client's folder is not ours once it has entered the node's mount namespace.
      await stage(`load ${names}`, () => ctr('images', 'import', resolve(archive)));
    }),
  );
  return missing.length;
}

/** Names and digests in the table of `ctr images ls`. */
export function imagesIn(table: string): Map<string, string> {
  const rows = table.trim().split('\n').slice(1);
  return new Map(
    rows.map((row) => {
      const [name = '', , digest = ''] = row.split(/\s+/);
      return [name, digest];
    }),
  );
}

interface ArchivedImage {
  readonly name: string;
  readonly digest: string;
}

/** The images in an OCI archive by its index. */
async function imagesOf(archive: string): Promise<ArchivedImage[]> {
  const index: unknown = JSON.parse(await run('tar', ['--extract', '--to-stdout', '--file', archive, 'index.json']));
  if (typeof index !== 'object' || index === null || !('manifests' in index) || !Array.isArray(index.manifests)) {
    throw new TypeError(`${archive} is no OCI archive`);
  }
  return index.manifests.map((manifest: unknown) => archivedImage(archive, manifest));
}

function archivedImage(archive: string, manifest: unknown): ArchivedImage {
  if (typeof manifest === 'object' && manifest !== null && 'digest' in manifest && 'annotations' in manifest) {
    const { digest, annotations } = manifest;
    const key = 'org.opencontainers.image.ref.name';
    if (typeof digest === 'string' && typeof annotations === 'object' && annotations !== null && key in annotations) {
      const name: unknown = Reflect.get(annotations, key);
      if (typeof name === 'string') return { name, digest };
    }
  }
  throw new TypeError(`${archive} holds an image without a name`);
}
