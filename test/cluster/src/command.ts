import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { ClusterError } from './errors.ts';

interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Receives what the command prints to standard error, and its standard output too where `logOutput` is set. */
  readonly log?: string;
  readonly logOutput?: boolean;
}

/** Runs a command to its end and returns what it printed to standard output. */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const log = options.log === undefined ? undefined : openSync(options.log, 'a');
  if (options.log !== undefined) appendFileSync(options.log, `\n$ ${command} ${args.join(' ')}\n`);
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', log !== undefined && options.logOutput === true ? log : 'pipe', log ?? 'pipe'],
  });
  if (log !== undefined) closeSync(log);
  const printed: string[] = [];
  const complaints: string[] = [];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => printed.push(text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => complaints.push(text));
  child.stdin?.on('error', () => undefined).end(options.input ?? '');
  const { promise, resolve, reject } = Promise.withResolvers<number | NodeJS.Signals>();
  child.once('error', reject).once('close', (code, signal) => {
    resolve(code ?? signal ?? 'SIGKILL');
  });
  const ended = await promise.catch((thrown: unknown) => {
    throw new ClusterError('command-failed', `${command} could not be started: ${String(thrown)}`, options.log);
  });
  if (ended === 0) return printed.join('');
  const said = options.log === undefined ? complaints.join('') : lastLines(options.log, 12);
  throw new ClusterError(
    'command-failed',
    `${command} ${args[0] ?? ''} ended with ${ended}\n${said.trim()}`,
    options.log,
  );
}

/** The last lines of a file, for the message of a failure. */
export function lastLines(path: string, count: number): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '';
  }
}

/** How long and how often to ask, and what to tell when it was in vain. */
interface Patience {
  readonly seconds?: number;
  readonly interval?: number;
  readonly log?: string;
  readonly detail?: () => string;
}

/** Asks again and again until the answer is not undefined. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  { seconds = 60, interval = 50, log, detail }: Patience = {},
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      throw new ClusterError('timeout', `waited ${seconds} s for ${what}${detail?.() ?? ''}`, log);
    }
    await sleep(interval);
  }
}
