import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** One named input of a build. */
export interface Input {
  readonly name: string;
  readonly content: string | Uint8Array;
}

/** A key that is the same exactly when all inputs have the same names and contents, in whatever order they come. */
export function contentKey(inputs: readonly Input[]): string {
  const hash = createHash('sha256');
  for (const input of inputs.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))) {
    const content = typeof input.content === 'string' ? Buffer.from(input.content) : input.content;
    // Lengths keep ('ab','c') apart from ('a','bc').
    hash.update(`${Buffer.byteLength(input.name)} ${content.byteLength}\n${input.name}\n`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Every file below a folder, or the one file, as inputs. `keep` sees paths relative to the folder. */
export function inputsBelow(path: string, keep: (relative: string) => boolean = () => true, relative = ''): Input[] {
  const full = join(path, relative);
  const stat = lstatSync(full);
  if (stat.isSymbolicLink()) return [{ name: relative, content: `-> ${readlinkSync(full)}` }];
  if (!stat.isDirectory()) {
    const executable = (stat.mode & 0o100) !== 0;
    return [{ name: executable ? `${relative}*` : relative, content: readFileSync(full) }];
  }
  return readdirSync(full)
    .map((entry) => join(relative, entry))
    .filter(keep)
    .flatMap((entry) => inputsBelow(path, keep, entry));
}
