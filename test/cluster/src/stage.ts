/** Tells a person what goes on. Lines go to standard error, so that standard output holds only what was asked for. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Runs one named stage and says how long it took. The action may return a note for the line. */
export async function stage<T>(name: string, action: () => Promise<T>, note?: (result: T) => string): Promise<T> {
  const start = performance.now();
  const reminder = setInterval(() => say(`  ${name} … ${secondsSince(start)}`), 30_000);
  try {
    const result = await action();
    const extra = note === undefined ? '' : note(result);
    say(`  ${name.padEnd(46)} ${secondsSince(start).padStart(8)}${extra === '' ? '' : `  ${extra}`}`);
    return result;
  } catch (thrown) {
    say(`  ${name.padEnd(46)} ${secondsSince(start).padStart(8)}  FAILED`);
    throw thrown;
  } finally {
    clearInterval(reminder);
  }
}

function secondsSince(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
