/** Refuses what looks like a credential, an absolute path of somebody's machine, or an escape from the type checker in a tracked file. */
import { readFileSync } from 'node:fs';
import { trackedFiles } from './tracked-files.ts';

const patterns: readonly { readonly what: string; readonly pattern: RegExp; readonly only?: RegExp }[] = [
  { what: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/ },
  { what: 'a private JWK', pattern: /"d"\s*:\s*"[A-Za-z0-9_-]{43}"/ },
  { what: 'a signed token', pattern: /\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}/ },
  { what: 'a cloud access key', pattern: /\bAKIA[0-9A-Z]{16}\b/ },
  { what: 'a host token', pattern: /\bgh[pousr]_[A-Za-z0-9]{36}\b/ },
  {
    what: 'a password in a URI',
    pattern: /\b(?:postgres|postgresql|amqps?|rediss?|smtps?):\/\/[A-Za-z0-9_-]+:[A-Za-z0-9]{16,}@/,
  },
  { what: 'a machine path', pattern: /(?:^|[\s"'`(=])\/(?:home|Users|root|work)\/[A-Za-z0-9_.-]+/ },
  {
    what: 'a focused or skipped test',
    pattern: /\b(?:it|test|describe)\.(?:only|skip|todo)\b|\bx(?:it|describe)\(/,
    only: /\.(test|itest|e2e)\.ts$/,
  },
  {
    what: 'an escape from the type checker',
    pattern: /@ts-(?:ignore|nocheck)|\bas any\b|: any\b/,
    only: /\.ts$/,
  },
  {
    // In a test it is an assertion: the line below must not compile.
    what: 'an expected type error',
    pattern: /@ts-expect-error/,
    only: /(?<!\.(?:test|itest|e2e))\.ts$/,
  },
];
const self = 'scripts/check-secrets.ts';
const skip = /(^|\/)(package-lock\.json|go\.sum)$|\.(png|gz|ico)$/;

let found = 0;
for (const file of trackedFiles((name) => !skip.test(name) && name !== self)) {
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      for (const { what, pattern, only } of patterns) {
        if ((only?.test(file) ?? true) && pattern.test(line)) {
          found += 1;
          console.error(`${file}:${index + 1}: ${what}`);
        }
      }
    });
}
console.log(`${found} findings`);
process.exitCode = found > 0 ? 1 : 0;
