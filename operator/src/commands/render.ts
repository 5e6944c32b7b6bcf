import { readFile } from 'node:fs/promises';
import { parseAllDocuments, stringify } from 'yaml';
import { InvalidResource, parse } from '../api/parse.ts';
import type { CollabEditor, Release } from '../api/types.ts';
import { desired, installedKinds, manifests } from '../resources/index.ts';
import { noFacts, type Facts, type Manifest } from '../resources/types.ts';
import type { Console } from './console.ts';
import { ConfigurationError } from './exit.ts';

export interface RenderOptions {
  file: string;
  apiVersions: string[];
}

/** Prints what the operator would apply for the resources in a file, without a cluster. Values of Secrets are left out. */
export async function render({ file, apiVersions }: RenderOptions, release: Release, console: Console): Promise<void> {
  const resources = await readResources(file, console);
  const objects = resources.flatMap((resource) => childrenOf(resource, release, apiVersions));
  console.out(
    objects.map((object) => `---\n${stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })}`).join(''),
  );
}

function childrenOf(resource: CollabEditor, release: Release, apiVersions: string[]): Manifest[] {
  const all = desired({ resource, release, facts: factsFor(apiVersions) });
  const secrets = all.secrets.map(({ manifest, keys }) => ({
    ...manifest,
    data: Object.fromEntries(Object.keys(keys).map((key) => [key, ''])),
  }));
  return [...secrets, ...manifests(all)];
}

/** An API version counts with or without a kind behind it. */
function factsFor(apiVersions: string[]): Facts {
  const has = (apiVersion: string, kind: string) =>
    apiVersions.some((one) => one === apiVersion || one === `${apiVersion}/${kind}`);
  return { ...noFacts, installed: installedKinds(({ apiVersion, kind }) => has(apiVersion, kind)) };
}

async function readResources(file: string, console: Console): Promise<CollabEditor[]> {
  const text = file === '-' ? await console.readInput() : await readText(file);
  const problems: string[] = [];
  const resources: CollabEditor[] = [];
  for (const document of parseAllDocuments(text)) {
    if (!('toJS' in document)) continue;
    problems.push(...document.errors.map(({ message }) => `${file}: ${message}`));
    const value: unknown = document.errors.length > 0 ? null : document.toJS();
    if (value === null) continue;
    try {
      resources.push(parse(value));
    } catch (error) {
      if (!(error instanceof InvalidResource)) throw error;
      problems.push(...error.problems.map((problem) => `${file}: ${problem}`));
    }
  }
  if (problems.length === 0 && resources.length === 0) problems.push(`${file}: no resource in it`);
  if (problems.length > 0) throw new ConfigurationError(problems);
  return resources;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError([error instanceof Error ? error.message : String(error)]);
  }
}
