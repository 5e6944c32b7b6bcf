/** actionlint over .github/workflows, built once into the cache folder of the Go toolchain's own choosing. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const version = 'v1.7.12';
const cache =
  process.env['COLLABEDITOR_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'collabeditor');
const folder = join(cache, 'programs', `actionlint-${version}`);
const program = join(folder, 'actionlint');

if (!existsSync(program)) {
  execFileSync('go', ['install', `github.com/rhysd/actionlint/cmd/actionlint@${version}`], {
    env: { ...process.env, GOBIN: folder },
    stdio: 'inherit',
  });
}
execFileSync(program, ['-color=false'], { stdio: 'inherit' });
console.log('workflows are clean');
