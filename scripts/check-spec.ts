/**
 * Holds every SPEC.md against the tests: each rule (`- **XX1** …`) is cited by a test name (`[XX1]`), each citation names a rule,
 * and no rule is there twice.
 */
import { readCitations, readRules } from './spec-rules.ts';

const rules = new Map<string, string>();
const problems: string[] = [];
for (const { id, spec } of readRules()) {
  const elsewhere = rules.get(id);
  if (elsewhere !== undefined) problems.push(`${spec}: rule ${id} is in ${elsewhere} already`);
  rules.set(id, spec);
}

const prefixOf = (id: string): string => id.replace(/\d+$/, '');
const prefixes = new Set([...rules.keys()].map(prefixOf));
const citations = readCitations();
for (const { id, file } of citations) {
  if (prefixes.has(prefixOf(id)) && !rules.has(id)) problems.push(`${file}: cites ${id}, which no SPEC.md has`);
}
const cited = new Set(citations.map(({ id }) => id));
for (const [id, spec] of rules) if (!cited.has(id)) problems.push(`${spec}: no test cites ${id}`);

for (const problem of new Set(problems)) console.error(problem);
console.log(`${rules.size} rules, ${citations.length} citations, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
