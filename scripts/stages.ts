/** Long work in named stages: each says what it does and how long it took; a failure names the stage, the reason and the log. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const stateDir = join(import.meta.dirname, '..', '.state');
const logDir = join(stateDir, 'logs');

const color = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const paint = (code: string, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);

export class StageError extends Error {
  override readonly name = 'StageError';
}

export interface Stages {
  /** Runs one stage. `say` prints a line of progress below its title. */
  run<T>(title: string, work: (say: (line: string) => void) => Promise<T>): Promise<T>;
  /** Title and seconds of each stage so far. */
  readonly timings: readonly { readonly title: string; readonly seconds: number }[];
}

export function createStages(): Stages {
  const timings: { title: string; seconds: number }[] = [];
  return {
    timings,
    async run(title, work) {
      const start = performance.now();
      console.log(`${paint('1;34', '▸')} ${title}`);
      const finish = (mark: string): void => {
        const seconds = (performance.now() - start) / 1000;
        timings.push({ title, seconds });
        console.log(`${mark} ${title} ${paint('2', `${seconds.toFixed(1)} s`)}`);
      };
      try {
        const result = await work((line) => console.log(`    ${line}`));
        finish(paint('1;32', '✓'));
        return result;
      } catch (error) {
        finish(paint('1;31', '✗'));
        throw error instanceof StageError
          ? error
          : new StageError(`${title}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    },
  };
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Lines of standard output and error as they come. */
  readonly say?: (line: string) => void;
  readonly timeoutMs?: number;
}

/** Runs a command, its output in a log of its own; a failure carries the end of that log and its path. */
export async function command(name: string, argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  mkdirSync(logDir, { recursive: true });
  const logFile = join(logDir, `${name.replace(/[^a-z0-9-]+/gi, '-')}.log`);
  const log = createWriteStream(logFile);
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  });
  child.stdin.on('error', () => undefined); // a program that ends without reading its input is judged by its exit code
  child.stdin.end(options.input ?? '');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      log.write(chunk);
      if (stream === child.stdout) output += chunk;
      if (options.say) for (const line of chunk.split('\n')) if (line.trim() !== '') options.say(line);
    });
  }
  const end = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? null : `exit ${signal ?? String(code)}`));
  });
  await new Promise<void>((resolve) => log.end(resolve));
  if (end !== null) {
    const last = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
    throw new Error(`${argv.join(' ')}: ${end}\n${last}\n(the whole output: ${logFile})`);
  }
  return output;
}

/** Runs `main` and turns what it throws into one message and exit code 1. */
export async function runScript(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error(`\n${paint('1;31', 'failed')} ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
