import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder `test/cluster`. */
export const room = resolve(import.meta.dirname, '..');

/** The folder of the whole project. */
export const projectRoot = resolve(room, '..', '..');

/** Where builds and images are kept between runs. Everything in it can be made again. */
export function cacheRoot(environment: Environment = process.env): string {
  return rooted(environment, 'COLLABEDITOR_CACHE', 'XDG_CACHE_HOME', '.cache');
}

/** Where running clusters keep their data. */
export function stateRoot(environment: Environment = process.env): string {
  return rooted(environment, 'COLLABEDITOR_STATE', 'XDG_STATE_HOME', join('.local', 'state'));
}

function rooted(environment: Environment, own: string, xdg: string, fallback: string): string {
  const chosen = environment[own];
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  const base = environment[xdg];
  if (base !== undefined && base !== '') return resolve(base, 'collabeditor');
  return join(environment['HOME'] ?? homedir(), fallback, 'collabeditor');
}
