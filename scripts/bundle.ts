import { join } from 'node:path';
import { build, type BuildResult } from 'esbuild';

// Libraries in CommonJS call `require` for Node's own modules.
const banner = `import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);`;

/** Bundles a room's `main.ts` into `main.mjs` of a folder, and what it only imports later into files beside it. */
export async function bundle(room: string, folder: string): Promise<BuildResult<{ metafile: true }>> {
  return build({
    entryPoints: [join(room, 'src/main.ts')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    chunkNames: '[name]-[hash]',
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
    metafile: true,
  });
}
