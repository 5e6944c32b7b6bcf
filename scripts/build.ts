/**
 * Makes `<room>/image` of the operator and the services: what an image holds beside its base, that is one bundle and, of a
 * service, its migrations and static files. Rooms may be named: `build.ts operator services/user`.
 */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.ts';

const root = join(import.meta.dirname, '..');
const all = ['operator', 'services/user', 'services/document', 'services/realtime', 'services/notification'];
const rooms = process.argv.length > 2 ? process.argv.slice(2) : all;

for (const room of rooms) {
  const from = join(root, room);
  if (!existsSync(join(from, 'src/main.ts')))
    throw new Error(`${room} has no src/main.ts; rooms are ${all.join(', ')}`);
  const image = join(from, 'image');
  rmSync(image, { recursive: true, force: true });
  const { metafile } = await bundle(from, join(image, 'dist'));
  for (const folder of ['migrations', 'public']) {
    const source = join(from, folder);
    if (existsSync(source)) cpSync(source, join(image, folder), { recursive: true });
  }
  const bytes = Object.entries(metafile.outputs).map(([file, output]) => (file.endsWith('.mjs') ? output.bytes : 0));
  const total = bytes.reduce((sum, size) => sum + size, 0);
  console.log(`${room.padEnd(22)} ${(total / 1024).toFixed(0).padStart(6)} kB`);
}
