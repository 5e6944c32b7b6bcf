/** The table of docs/contract.md: each promise of the public contract, the rules and tests that hold it, and its state. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readCitations, readRules } from './spec-rules.ts';

interface Promised {
  readonly says: string;
  /** Rules that hold it; none: it is not there yet, and `later` says what is missing. */
  readonly rules?: readonly string[];
  /** What is missing of it. */
  readonly later?: string;
}

interface Section {
  readonly section: string;
  readonly promises: readonly Promised[];
}

const source = join(import.meta.dirname, '../docs/contract.yaml');

export function contractPage(): string {
  const sections = parse(readFileSync(source, 'utf8')) as readonly Section[];
  const rules = new Map(readRules().map(({ id, spec }) => [id, spec]));
  const tests = new Map<string, Set<string>>();
  for (const { id, file } of readCitations()) tests.set(id, (tests.get(id) ?? new Set()).add(file));

  const counts = { kept: 0, partly: 0, later: 0 };
  const tables = sections.map(({ section, promises }) => {
    const rows = promises.map((promised) => {
      const state = stateOf(promised);
      counts[state] += 1;
      return row(promised, state, rules, tests);
    });
    return `## ${section}\n\n| promise | rules and tests | state |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return [
    '<!-- Generated from contract.yaml and the SPEC.md files by `make generate`. -->',
    '# The contract, promise by promise',
    '',
    `${counts.kept} kept, ${counts.partly} partly, ${counts.later} later. A rule is a numbered line of a SPEC.md; the tests named beside it cite it.`,
    '',
    tables.join('\n'),
  ].join('\n');
}

type State = 'kept' | 'partly' | 'later';

function stateOf({ says, rules = [], later }: Promised): State {
  if (rules.length > 0) return later === undefined ? 'kept' : 'partly';
  if (later === undefined) throw new Error(`docs/contract.yaml: "${says}" has neither rules nor \`later\``);
  return 'later';
}

function row(
  { says, rules: ids = [], later }: Promised,
  state: State,
  rules: ReadonlyMap<string, string>,
  tests: ReadonlyMap<string, ReadonlySet<string>>,
): string {
  const held = ids.map((id) => {
    const spec = rules.get(id);
    if (spec === undefined) throw new Error(`docs/contract.yaml: "${says}" names the rule ${id}, which no SPEC.md has`);
    const files = [...(tests.get(id) ?? [])].map((file) => `[${file.split('/').at(-1) ?? file}](../${file})`);
    return `[${id}](../${spec}): ${files.join(', ')}`;
  });
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  return `| ${cell(says)} | ${held.join('<br>')} | ${state}${later === undefined ? '' : `: ${cell(later)}`} |`;
}
