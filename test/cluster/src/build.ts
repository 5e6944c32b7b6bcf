import { cp, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { run } from './command.ts';
import type { Input } from './key.ts';
import { contentKey, inputsBelow } from './key.ts';
import { keepNewest } from './keep.ts';
import { withLock } from './lock.ts';
import type { Part } from './parts.ts';
import { partNamed } from './parts.ts';
import { cacheRoot } from './paths.ts';
import { say, stage } from './stage.ts';

/** Builds what is missing of the named parts and returns the folder of programs of each. */
export async function build(names: readonly string[], { quiet = false } = {}): Promise<ReadonlyMap<string, string>> {
  const folders = new Map<string, string>();
  for (const name of names) folders.set(name, await buildPart(partNamed(name), quiet));
  return folders;
}

/** The folder of a part's programs, whether or not it has been built. */
export function programsOf(part: Part): string {
  return join(cacheRoot(), 'programs', `${part.name}-${contentKey(inputsOf(part))}`);
}

function inputsOf(part: Part): Input[] {
  const recipe = JSON.stringify(part.recipe, (name, value: unknown) => (name === 'folder' ? undefined : value));
  const inputs: Input[] = [{ name: 'recipe', content: `${process.arch} ${recipe}` }];
  if (part.recipe.kind === 'install') return inputs;
  return [...inputs, ...inputsBelow(part.recipe.folder)];
}

async function buildPart(part: Part, quiet: boolean): Promise<string> {
  const folder = programsOf(part);
  if (existsSync(folder)) {
    if (!quiet) say(`  ${part.name.padEnd(46)}   cached`);
    return folder;
  }
  const lock = join(cacheRoot(), 'locks', `program-${part.name}`);
  await withLock(lock, async () => {
    // Another run may have built it while this one waited.
    if (existsSync(folder)) return;
    await removeUnfinished(part);
    await stage(`build ${part.name}`, () => buildInto(part, folder));
    const key = /^-[0-9a-f]{16}$/;
    await keepNewest(
      dirname(folder),
      (entry) => entry.startsWith(part.name) && key.test(entry.slice(part.name.length)),
    );
  });
  return folder;
}

/** Builds beside the place and renames at the end, so that a folder under its final name is always whole. */
async function buildInto(part: Part, folder: string): Promise<void> {
  const work = `${folder}.unfinished`;
  const programs = join(work, 'programs');
  const log = join(cacheRoot(), 'logs', `build-${part.name}.log`);
  await mkdir(programs, { recursive: true });
  await mkdir(join(cacheRoot(), 'logs'), { recursive: true });
  await rm(log, { force: true });
  await compile(part, work, programs, log);
  await rename(programs, folder);
  await rm(work, { recursive: true });
}

async function compile(part: Part, work: string, programs: string, log: string): Promise<void> {
  const { recipe } = part;
  const env = { GOTOOLCHAIN: 'local', CGO_ENABLED: recipe.kind === 'install' && recipe.cgo === true ? '1' : '0' };
  const common = ['-trimpath', '-buildvcs=false'];
  switch (recipe.kind) {
    case 'install': {
      const tags = recipe.tags === undefined ? [] : ['-tags', recipe.tags];
      const args = ['install', ...common, '-ldflags', '-s -w', ...tags, ...recipe.packages];
      await run('go', args, { cwd: work, env: { ...env, GOBIN: programs }, log, logOutput: true });
      return;
    }
    case 'module': {
      const source = join(work, 'source');
      await cp(recipe.folder, source, { recursive: true });
      if (recipe.prepare !== undefined) await run(recipe.prepare, [], { cwd: source, env, log, logOutput: true });
      const output = join(programs, recipe.program);
      const args = ['build', ...common, '-ldflags', `-s -w ${recipe.ldflags ?? ''}`, '-o', output, recipe.package];
      await run('go', args, { cwd: source, env, log, logOutput: true });
      for (const link of recipe.links ?? []) await symlink(recipe.program, join(programs, link));
      return;
    }
    case 'c': {
      const args = ['-static', '-Os', '-s', '-Wall', '-o', join(programs, recipe.program), recipe.source];
      await run('cc', args, { cwd: recipe.folder, log, logOutput: true });
    }
  }
}

/** What an interrupted build of the part has left. Only called while its lock is held. */
async function removeUnfinished(part: Part): Promise<void> {
  const folder = join(cacheRoot(), 'programs');
  await mkdir(folder, { recursive: true });
  for (const entry of await readdir(folder)) {
    if (entry.startsWith(`${part.name}-`) && entry.endsWith('.unfinished')) {
      await rm(join(folder, entry), { recursive: true });
    }
  }
}
