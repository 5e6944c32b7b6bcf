import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';

export interface DataSource {
  readonly uid: string;
  readonly name: string;
  readonly type: string;
  readonly url: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly model: Fields;
}

/** What Grafana makes of the files of its provisioning folder. */
export interface Provisioned {
  readonly dataSources: readonly DataSource[];
  readonly dashboards: readonly Dashboard[];
}

/** A file that Grafana could not make use of. */
class ProvisioningError extends Error {
  override readonly name = 'ProvisioningError';
}

type Fields = Readonly<Record<string, unknown>>;
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the provisioning folder and refuses everything in it that is not as it should be. Grafana itself logs much of
 * this and goes on; a test is better served by a pod that does not start.
 */
export function provisionedBy(folder: string, environment: Environment): Provisioned {
  const dataSources = configsIn(join(folder, 'datasources')).flatMap((file) => dataSourcesIn(file, environment));
  unique('data source uid', dataSources, (source) => source.uid);
  unique('data source name', dataSources, (source) => source.name);
  const paths = configsIn(join(folder, 'dashboards')).flatMap((file) => pathsIn(file, environment));
  const dashboards = paths.flatMap(dashboardFiles).map(dashboardIn);
  unique('dashboard uid', dashboards, (dashboard) => dashboard.uid);
  return { dataSources: dataSources.map(({ file, ...source }) => source), dashboards };
}

interface FromFile {
  readonly file: string;
}

function dataSourcesIn(file: string, environment: Environment): (DataSource & FromFile)[] {
  return listIn(file, 'datasources', environment).map((entry, index) => {
    const at = `${file}: datasources[${index}]`;
    const source = {
      file,
      uid: textOf(entry, 'uid', at),
      name: textOf(entry, 'name', at),
      type: textOf(entry, 'type', at),
      url: textOf(entry, 'url', at),
    };
    if (!/^[\w-]{1,40}$/.test(source.uid)) throw new ProvisioningError(`${at}: uid ${source.uid} is none of Grafana's`);
    if (!/^https?:$/.test(URL.parse(source.url)?.protocol ?? ''))
      throw new ProvisioningError(`${at}: url ${source.url} is no HTTP URL`);
    return source;
  });
}

/** Paths of the dashboards that a file's providers name. */
function pathsIn(file: string, environment: Environment): string[] {
  return listIn(file, 'providers', environment).map((entry, index) => {
    const at = `${file}: providers[${index}]`;
    textOf(entry, 'name', at);
    if (entry['type'] !== undefined && entry['type'] !== 'file')
      throw new ProvisioningError(`${at}: type is not 'file'`);
    return textOf(fieldsOf(entry['options'], `${at}: options`), 'path', `${at}: options`);
  });
}

function dashboardIn(file: string): Dashboard & FromFile {
  const model = fieldsOf(parsed(file, JSON.parse), file);
  return { file, uid: textOf(model, 'uid', file), title: textOf(model, 'title', file), model };
}

/** The JSON files at a path. Like Grafana it passes by hidden folders, in which Kubernetes keeps what is mounted. */
function dashboardFiles(path: string): string[] {
  const files = allFiles(path).filter((file) => file.endsWith('.json'));
  if (files.length === 0) throw new ProvisioningError(`${path}: no dashboard there`);
  return files;
}

function allFiles(path: string): string[] {
  if (!attempt(path, () => statSync(path)).isDirectory()) return [path];
  return readdirSync(path)
    .filter((entry) => !entry.startsWith('.'))
    .toSorted()
    .flatMap((entry) => allFiles(join(path, entry)));
}

function configsIn(folder: string): string[] {
  return attempt(folder, () => readdirSync(folder))
    .filter((entry) => /^[^.].*\.ya?ml$/.test(entry))
    .toSorted()
    .map((entry) => join(folder, entry));
}

function listIn(file: string, name: string, environment: Environment): Fields[] {
  const content = fieldsOf(parsed(file, parse), file);
  if (content['apiVersion'] !== 1) throw new ProvisioningError(`${file}: apiVersion is not 1`);
  const list = content[name];
  if (!Array.isArray(list)) throw new ProvisioningError(`${file}: ${name} is no list`);
  return list.map((entry: unknown, index) => fieldsOf(expanded(entry, environment), `${file}: ${name}[${index}]`));
}

/** Puts environment variables in the place of `$NAME` and `${NAME}`; `$$` is a dollar sign. */
function expanded(value: unknown, environment: Environment): unknown {
  if (typeof value === 'string')
    return value.replaceAll(/\$(?:\$|\{(\w+)\}|(\w+))/g, (found, braced?: string, bare?: string) =>
      found === '$$' ? '$' : (environment[braced ?? bare ?? ''] ?? ''),
    );
  if (Array.isArray(value)) return value.map((entry) => expanded(entry, environment));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, expanded(entry, environment)]));
}

function parsed(file: string, parser: (text: string) => unknown): unknown {
  return attempt(file, () => parser(readFileSync(file, 'utf8')));
}

function attempt<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (thrown) {
    throw new ProvisioningError(`${file}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

function fieldsOf(value: unknown, at: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProvisioningError(`${at}: not an object`);
  return { ...value };
}

function textOf(fields: Fields, name: string, at: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '') throw new ProvisioningError(`${at}: ${name} is missing`);
  return value;
}

function unique<T extends FromFile>(what: string, all: readonly T[], key: (one: T) => string): void {
  const seen = new Map<string, string>();
  for (const one of all) {
    const earlier = seen.get(key(one));
    if (earlier !== undefined) throw new ProvisioningError(`${one.file}: ${what} ${key(one)} is in ${earlier} already`);
    seen.set(key(one), one.file);
  }
}
