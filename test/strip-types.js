// The same type stripping as Node's own, so that what jest runs is what `node file.ts` runs: positions stay, no source maps.
import { stripTypeScriptTypes } from 'node:module';

export default { process: (source) => ({ code: stripTypeScriptTypes(source) }) };
