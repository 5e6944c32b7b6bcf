import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bootstrapDebian } from './bootstrap.ts';
import { build } from './build.ts';
import { run } from './command.ts';
import type { Input } from './key.ts';
import { contentKey, inputsBelow } from './key.ts';
import { keepNewest } from './keep.ts';
import { withLock } from './lock.ts';
import { requirePackages } from './packages.ts';
import { cacheRoot, projectRoot, room } from './paths.ts';
import { say, stage } from './stage.ts';

/** What to build an image from. */
export interface ImageRequest {
  /** Path of the Dockerfile. */
  readonly dockerfile: string;
  /** Folder that its COPY instructions are relative to. */
  readonly context: string;
  /** Build arguments. One that names an image of this room has that image built first. */
  readonly args?: Readonly<Record<string, string>>;
  /** Full name, like `localhost/collabeditor/user:dev`. */
  readonly tag: string;
  /**
   * Paths in the context that the image depends on, as files or folders. Without them it is every file that git
   * tracks or would track, or every file where the context is no work tree.
   */
  readonly inputs?: readonly string[];
}

/** An image in the cache. */
export interface BuiltImage {
  readonly tag: string;
  /** OCI archive that `load` takes. */
  readonly archive: string;
  /** Digest of its manifest. */
  readonly digest: string;
  readonly cached: boolean;
}

interface BaseImage {
  readonly tag: string;
  /** Files of the context by their names there. */
  readonly files: () => Promise<Readonly<Record<string, string>>>;
  /** Makes further files of the context, which the Dockerfile and the inputs determine. */
  readonly complete?: (context: string, log: string) => Promise<void>;
  readonly inputs?: readonly Input[];
}

const prefix = 'localhost/collabeditor';

/** Sources of what stands in for Grafana. */
const grafana = join(room, 'src', 'grafana');

const baseImages: ReadonlyMap<string, BaseImage> = new Map([
  ['pause', { tag: `${prefix}/pause:1`, files: () => programs('pause', 'pause') }],
  [
    'debian',
    {
      tag: `${prefix}/debian:trixie`,
      files: async () => ({}),
      complete: (context, log) => bootstrapDebian('trixie', join(context, 'root.tar'), log),
      inputs: [{ name: 'bootstrap', content: readFileSync(join(import.meta.dirname, 'bootstrap.ts')) }],
    },
  ],
  ['node', { tag: `${prefix}/node:24`, files: async () => ({ node: nodeBinary() }) }],
  ['postgres', { tag: `${prefix}/postgres:17`, files: async () => ({}) }],
  ['redis', { tag: `${prefix}/redis:8.0`, files: async () => ({}) }],
  ['rabbitmq', { tag: `${prefix}/rabbitmq:4.0`, files: async () => ({}) }],
  ['prometheus', { tag: `${prefix}/prometheus:v3.16`, files: () => programs('prometheus', 'prometheus', 'promtool') }],
  ['loki', { tag: `${prefix}/loki:3.7`, files: () => programs('loki', 'loki') }],
  ['collector', { tag: `${prefix}/otel-collector:0.149`, files: () => programs('collector', 'otelcol-contrib') }],
  [
    'grafana',
    {
      tag: `${prefix}/grafana:stand-in`,
      files: async () => ({}),
      complete: (context, log) => bundle(grafana, join(context, 'grafana'), log),
      inputs: inputsBelow(grafana).filter(({ name }) => !name.endsWith('.test.ts')),
    },
  ],
] satisfies [string, BaseImage][]);

/** Names of the images that this room makes, but for the one that `up` makes by itself. */
export const imageNames: readonly string[] = [...baseImages.keys()].filter((name) => name !== 'pause');

/** Builds the named images of this room, with those that they stand on. */
export async function buildImages(names: readonly string[]): Promise<BuiltImage[]> {
  requirePackages('images');
  const built = new Map<string, Promise<BuiltImage>>();
  const images: BuiltImage[] = [];
  for (const name of names) {
    const image = await buildBase(name, built);
    say(`  ${image.tag.padEnd(46)} ${await sizeOf(image.archive)}`);
    images.push(image);
  }
  return images;
}

/** The archive of the pause image. */
export async function pauseArchive(): Promise<string> {
  return (await buildBase('pause', new Map())).archive;
}

/** Builds an image from a Dockerfile, unless the cache has one of the same inputs. */
export async function buildImage(request: ImageRequest): Promise<BuiltImage> {
  requirePackages('images');
  const text = await readFile(request.dockerfile, 'utf8');
  const bases = await buildAll(basesIn([text, ...Object.values(request.args ?? {})]), new Map());
  const inputs = [
    ...(await contextInputs(request)),
    ...bases.map((base) => ({ name: `base ${base.tag}`, content: base.archive })),
    { name: 'dockerfile', content: text },
    { name: 'arguments', content: JSON.stringify(request.args ?? {}) },
  ];
  return ensureArchive(request.tag, contentKey(inputs), bases, async (archive, log) => {
    await buildah(request, archive, log);
    // Only this room's images are built upon.
    await run('buildah', [...storage(), 'rmi', request.tag], { log, logOutput: true });
  });
}

async function buildBase(name: string, built: Map<string, Promise<BuiltImage>>): Promise<BuiltImage> {
  const begun = built.get(name) ?? buildBaseAnew(name, built);
  built.set(name, begun);
  return begun;
}

async function buildBaseAnew(name: string, built: Map<string, Promise<BuiltImage>>): Promise<BuiltImage> {
  const base = baseImage(name);
  const dockerfile = join(room, 'images', name, 'Dockerfile');
  const text = await readFile(dockerfile, 'utf8');
  const bases = await buildAll(basesIn([text]), built);
  const files = await base.files();
  const inputs = [
    ...(base.inputs ?? []),
    ...bases.map(({ tag, archive }) => ({ name: `base ${tag}`, content: archive })),
    { name: 'dockerfile', content: text },
    ...(await Promise.all(Object.entries(files).map(fingerprint))),
  ];
  return ensureArchive(base.tag, contentKey(inputs), bases, async (archive, log) => {
    const context = await mkdtemp(join(tmpdir(), 'collabeditor-image-'));
    try {
      for (const [file, source] of Object.entries(files)) await cp(source, join(context, file));
      await base.complete?.(context, log);
      await buildah({ dockerfile, context, tag: base.tag }, archive, log);
    } finally {
      await rm(context, { recursive: true });
    }
  });
}

async function buildAll(names: readonly string[], built: Map<string, Promise<BuiltImage>>): Promise<BuiltImage[]> {
  const images: BuiltImage[] = [];
  for (const name of names) images.push(await buildBase(name, built));
  return images;
}

/** Names of this room's images that occur in any of the texts. */
function basesIn(texts: readonly string[]): string[] {
  return [...baseImages].filter(([, { tag }]) => texts.some((text) => text.includes(tag))).map(([name]) => name);
}

/** Large programs are told apart by their place in the cache, or by size and time. */
async function fingerprint([name, source]: [string, string]): Promise<Input> {
  if (source.startsWith(cacheRoot())) return { name, content: source.slice(cacheRoot().length) };
  const { size, mtimeMs } = await stat(source);
  return { name, content: `${size} ${mtimeMs}` };
}

async function contextInputs({ context, inputs }: ImageRequest): Promise<Input[]> {
  const chosen = inputs ?? (await filesOfWorkTree(context));
  return chosen.flatMap((path) =>
    inputsBelow(join(context, path)).map((input) => ({ ...input, name: join(path, input.name) })),
  );
}

async function filesOfWorkTree(context: string): Promise<readonly string[]> {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const listed = await run('git', args, { cwd: context }).catch(() => undefined);
  if (listed === undefined) return ['.'];
  return listed.split('\0').filter((file) => file !== '' && existsSync(join(context, file)));
}

async function ensureArchive(
  tag: string,
  key: string,
  bases: readonly BuiltImage[],
  make: (archive: string, log: string) => Promise<void>,
): Promise<BuiltImage> {
  const [repository = '', version = ''] = tag.split(/:(?=[^/]*$)/).map((text) => text.replaceAll(/[^\w.-]+/g, '_'));
  const archive = join(cacheRoot(), 'images', `${repository}@${version}-${key}.tar`);
  if (existsSync(archive)) return { tag, archive, digest: await digestOf(archive), cached: true };
  const log = join(cacheRoot(), 'logs', `image-${repository}.log`);
  await mkdir(join(cacheRoot(), 'images'), { recursive: true });
  await mkdir(join(cacheRoot(), 'logs'), { recursive: true });
  await withLock(join(cacheRoot(), 'locks', 'images'), async () => {
    // Another run may have built it while this one waited.
    if (existsSync(archive)) return;
    await stage(`image ${tag.slice(prefix.length + 1)}`, async () => {
      await rm(log, { force: true });
      for (const base of bases) await haveInStorage(base, log);
      await rm(`${archive}.unfinished`, { force: true });
      await make(`${archive}.unfinished`, log);
      await rename(`${archive}.unfinished`, archive);
    });
    await keepNewest(
      join(cacheRoot(), 'images'),
      (entry) => entry.startsWith(`${repository}@`) && entry.endsWith('.tar'),
    );
  });
  return { tag, archive, digest: await digestOf(archive), cached: false };
}

/** buildah with a storage of its own in the cache. Called under the lock of the images. */
function storage(): string[] {
  const root = join(cacheRoot(), 'buildah');
  return ['--root', join(root, 'storage'), '--runroot', join(root, 'run')];
}

async function buildah(request: ImageRequest, archive: string, log: string): Promise<void> {
  const { dockerfile, context, args = {}, tag } = request;
  const buildArgs = Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  const logged = { log, logOutput: true };
  // prettier-ignore
  await run('buildah', [...storage(), 'bud', '--isolation', 'chroot', '--pull-never', '--format', 'oci',
    ...buildArgs, '--tag', tag, '--file', dockerfile, context], logged);
  // The fastest there is, for the archive only goes as far as this machine's cluster.
  const compression = ['--compression-format', 'zstd', '--compression-level', '1'];
  await run('buildah', [...storage(), 'push', ...compression, tag, `oci-archive:${archive}:${tag}`], logged);
  await run('buildah', [...storage(), 'rmi', '--prune'], logged);
}

/**
 * Puts the very image of the archive under its tag into buildah's storage. They are the same image where they have the
 * same configuration; the digests differ, for the storage holds the layers uncompressed.
 */
async function haveInStorage(base: BuiltImage, log: string): Promise<void> {
  const listing = ['images', '--no-trunc', '--format', '{{.ID}}', '--filter', `reference=${base.tag}`];
  const known = await run('buildah', [...storage(), ...listing]).catch(() => '');
  const manifest = await fileIn(base.archive, `blobs/sha256/${base.digest.slice('sha256:'.length)}`);
  const wanted = /"config":\{[^}]*"digest":"(sha256:[0-9a-f]{64})"/.exec(manifest)?.[1];
  if (wanted !== undefined && known.split('\n').includes(wanted)) return;
  const pulled = await run('buildah', [...storage(), 'pull', `oci-archive:${base.archive}`], { log });
  await run('buildah', [...storage(), 'tag', pulled.trim(), base.tag], { log });
}

async function fileIn(archive: string, name: string): Promise<string> {
  return run('tar', ['--extract', '--to-stdout', '--file', archive, name]);
}

async function digestOf(archive: string): Promise<string> {
  const file = `${archive}.digest`;
  if (existsSync(file)) return readFile(file, 'utf8');
  const index = await fileIn(archive, 'index.json');
  const digest = /"digest":"(sha256:[0-9a-f]{64})"/.exec(index)?.[1];
  if (digest === undefined) throw new TypeError(`${archive} is no OCI archive`);
  await writeFile(file, digest);
  return digest;
}

async function programs(part: string, ...names: string[]): Promise<Record<string, string>> {
  const folder = (await build([part], { quiet: true })).get(part) ?? '';
  return Object.fromEntries(names.map((name) => [name, join(folder, name)]));
}

/** Makes one executable file of a Node program. */
async function bundle(folder: string, file: string, log: string): Promise<void> {
  const esbuild = join(projectRoot, 'node_modules', '.bin', 'esbuild');
  const options = ['--bundle', '--platform=node', '--format=cjs', '--banner:js=#!/usr/local/bin/node'];
  await run(esbuild, [join(folder, 'main.ts'), ...options, `--outfile=${file}`], { log, logOutput: true });
}

function nodeBinary(): string {
  return realpathSync(join(projectRoot, 'node_modules', 'node', 'bin', 'node'));
}

function baseImage(name: string): BaseImage {
  const base = baseImages.get(name);
  if (base === undefined) throw new RangeError(`no image ${name}; there are ${imageNames.join(', ')}`);
  return base;
}

async function sizeOf(archive: string): Promise<string> {
  return `${((await stat(archive)).size / 1e6).toFixed(0).padStart(5)} MB`;
}
