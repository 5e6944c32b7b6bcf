/**
 * Holds every SPEC.md against the tests: each rule (`- **XX1** …`) is cited by a test name (`[XX1]`), each citation names a rule.
 * A prefix belongs to one SPEC.
 */
import { readFileSync } from 'node:fs';
import { trackedFiles } from './tracked-files.ts';

const rule = /^- \*\*([A-Z]{2,3}\d+)\*\*/gm;
const citation = /\[((?:[A-Z]{2,3}\d+)(?:, ?[A-Z]{2,3}\d+)*)\]/g;

const specs = trackedFiles((file) => file.endsWith('SPEC.md'));
const tests = trackedFiles((file) => /\.(test|itest|e2e)\.ts$/.test(file));

const rules = new Map<string, string>();
const problems: string[] = [];
for (const spec of specs) {
  for (const [, id = ''] of readFileSync(spec, 'utf8').matchAll(rule)) {
    const elsewhere = rules.get(id);
    if (elsewhere !== undefined) problems.push(`${spec}: rule ${id} is in ${elsewhere} already`);
    rules.set(id, spec);
  }
}

const prefixes = new Set([...rules.keys()].map((id) => id.replace(/\d+$/, '')));
const cited = new Set<string>();
for (const test of tests) {
  for (const [, list = ''] of readFileSync(test, 'utf8').matchAll(citation)) {
    for (const id of list.split(/, ?/)) {
      cited.add(id);
      if (prefixes.has(id.replace(/\d+$/, '')) && !rules.has(id))
        problems.push(`${test}: cites ${id}, which no SPEC.md has`);
    }
  }
}
for (const [id, spec] of rules) if (!cited.has(id)) problems.push(`${spec}: no test cites ${id}`);

for (const problem of problems) console.error(problem);
console.log(`${rules.size} rules in ${specs.length} specs, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
