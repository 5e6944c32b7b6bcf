/**
 * Makes `<room>/image` of the operator and the services: what an image holds beside its base, that is one bundle and, of a
 * service, its migrations and static files. Rooms may be named: `build.ts operator services/user`.
 */
import { cpSync, existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const all = ['operator', 'services/user', 'services/document', 'services/realtime', 'services/notification'];
const rooms = process.argv.length > 2 ? process.argv.slice(2) : all;

// Libraries in CommonJS call `require` for Node's own modules.
const banner = `import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);`;

for (const room of rooms) {
  const entry = join(root, room, 'src/main.ts');
  if (!existsSync(entry)) throw new Error(`${room} has no src/main.ts; rooms are ${all.join(', ')}`);
  const image = join(root, room, 'image');
  const outfile = join(image, 'dist/main.mjs');
  rmSync(image, { recursive: true, force: true });
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: banner },
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    minifySyntax: true,
    minifyWhitespace: true,
    // Optional parts of libraries that are never reached: a native PostgreSQL driver.
    external: ['pg-native'],
    logLevel: 'warning',
  });
  for (const folder of ['migrations', 'public']) {
    const source = join(root, room, folder);
    if (existsSync(source)) cpSync(source, join(image, folder), { recursive: true });
  }
  console.log(`${room.padEnd(22)} ${(statSync(outfile).size / 1024).toFixed(0).padStart(6)} kB`);
}
