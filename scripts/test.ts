/**
 * All checks and tests, stage by stage, with their counts and times; the last line is `N passed, N failed`.
 * `node scripts/test.ts check` runs the checks alone, `… unit`, `… integration`, `… e2e` one kind of test.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { command, createStages, runScript, stateDir } from './stages.ts';

const ci = process.env['CI'] !== undefined;
const stages = createStages();
const count = { passed: 0, failed: 0 };

type Check = readonly [title: string, argv: readonly string[]];

/** Lint takes as long as all the others, so it runs beside them. */
const lint: Check = ['lint', ['npm', 'run', '--silent', 'check:lint']];
const checks: readonly Check[] = [
  ['types', ['npm', 'run', '--silent', 'check:types']],
  ['arrows between rooms', ['npm', 'run', '--silent', 'check:arrows']],
  ['dead code', ['npm', 'run', '--silent', 'check:dead']],
  ['format', ['npm', 'run', '--silent', 'check:format']],
  ['spec coverage', ['node', 'scripts/check-spec.ts']],
  ['generated files', ['node', 'scripts/generate.ts', '--check']],
  ['secrets', ['node', 'scripts/check-secrets.ts']],
  ['workflows', ['node', 'scripts/check-workflows.ts']],
];

async function main(): Promise<void> {
  const only = process.argv[2];
  if (only !== 'check')
    await stages.run('Debian packages', (say) => command('packages', ['test/cluster/install-packages'], { say }));
  if (only === undefined || only === 'check') {
    await Promise.all([runCheck(lint), runInTurn(checks)]);
  }
  if (only === undefined || only === 'unit') await jest('unit', 'unit tests');
  if (only !== 'check' && only !== 'unit') {
    await stages.run('Kubernetes and what runs beside it, from Go modules', (say) =>
      command('cluster-build', ['test/cluster/cluster', 'build'], { say }),
    );
  }
  if (only === undefined || only === 'integration')
    await jest('integration', 'integration tests: real stores, real API server');
  if (only === undefined || only === 'e2e') await jest('e2e', 'the scenario on a real node');

  console.log('\nseconds per stage');
  for (const { title, seconds } of stages.timings) console.log(`${seconds.toFixed(1).padStart(8)}  ${title}`);
}

async function runInTurn(list: readonly Check[]): Promise<void> {
  for (const check of list) await runCheck(check);
}

async function runCheck([title, argv]: Check): Promise<void> {
  await countedStage(`check: ${title}`, () => command(`check-${title}`, argv));
}

/** A stage that counts as one test. */
async function countedStage(title: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await stages.run(title, work);
    count.passed += 1;
  } catch (error) {
    count.failed += 1;
    console.error(error instanceof Error ? error.message : String(error));
  }
}

async function jest(project: 'unit' | 'integration' | 'e2e', title: string): Promise<void> {
  const resultFile = join(stateDir, `jest-${project}.json`);
  mkdirSync(stateDir, { recursive: true });
  rmSync(resultFile, { force: true });
  const script = project === 'e2e' ? ['node', 'scripts/e2e.ts'] : ['npm', 'run', '--silent', `test:${project}`, '--'];
  // A failed test may leave something open; the run ends all the same, and says so.
  const run = [...script, '--forceExit', '--json', `--outputFile=${resultFile}`];
  let failure: Error | undefined;
  try {
    await stages.run(title, (say) =>
      command(`test-${project}`, run, { say: (line) => line.startsWith('{"') || say(line) }),
    );
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  const before = count.failed;
  countResults(resultFile);
  // A run that broke without a failed test (a crash, a suite that did not load) is a failure too.
  if (failure !== undefined && count.failed === before) {
    count.failed += 1;
    console.error(failure.message);
  }
}

interface JestSummary {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

function countResults(file: string): void {
  let summary: JestSummary;
  try {
    summary = JSON.parse(readFileSync(file, 'utf8')) as JestSummary;
  } catch {
    return; // no result file: the caller counts the failed run
  }
  const skipped = summary.numPendingTests + summary.numTodoTests;
  count.passed += summary.numPassedTests;
  count.failed += summary.numFailedTests + summary.numRuntimeErrorTestSuites + (ci ? skipped : 0);
  if (skipped > 0) console.log(`${skipped} skipped${ci ? ', which counts as failed here' : ''}`);
}

await runScript(main);
if (process.exitCode === 1) count.failed += 1;
console.log(`${count.passed} passed, ${count.failed} failed`);
if (count.failed > 0) process.exitCode = 1;
