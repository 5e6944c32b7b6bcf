import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { lastLines, until } from '../command.ts';
import { ClusterError } from '../errors.ts';
import type { ProcessIdentity } from '../identity.ts';
import { identify, isAlive, signal } from '../identity.ts';
import { contentKey } from '../key.ts';
import type { Layout } from './layout.ts';
import { insideNode } from './namespaces.ts';

/** A long-running process of a node. */
export interface NodeProcess {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Content of the file that the arguments name. A process with another content is not the same. */
  readonly config?: string;
  /** Started outside the namespaces, which it enters by itself. */
  readonly outside?: boolean;
}

interface Running extends ProcessIdentity {
  readonly key: string;
}

/** Starts a process of the node unless it runs already from the same program with the same arguments. */
export async function ensureProcess(
  layout: Layout,
  init: ProcessIdentity,
  wanted: NodeProcess,
  path: string,
): Promise<void> {
  const key = keyOf(wanted);
  const running = await runningProcess(layout, wanted.name);
  if (running?.key === key) return;
  if (running !== undefined) await end(running, wanted.name);
  const command = ['setpriv', '--pdeathsig', 'KILL', '--', wanted.program, ...wanted.args];
  const pid =
    wanted.outside === true
      ? launch(wanted.program, wanted.args, path, logOf(layout, wanted.name))
      : launch('nsenter', [...insideNode(init), ...command], path, logOf(layout, wanted.name));
  const identity = pid === undefined ? undefined : identify(pid);
  if (identity === undefined) throw endedEarly(layout, wanted.name);
  await mkdir(recordsOf(layout), { recursive: true });
  await writeFile(join(recordsOf(layout), wanted.name), JSON.stringify({ ...identity, key }));
}

/** Whether a process runs from just this program with just these arguments. */
export async function runsAsWanted(layout: Layout, wanted: NodeProcess): Promise<boolean> {
  return (await runningProcess(layout, wanted.name))?.key === keyOf(wanted);
}

/** The process of a name, or undefined where it does not run. */
export async function runningProcess(layout: Layout, name: string): Promise<Running | undefined> {
  const file = join(recordsOf(layout), name);
  if (!existsSync(file)) return undefined;
  const running = parseRecord(await readFile(file, 'utf8'));
  return running !== undefined && isAlive(running) ? running : undefined;
}

/** Forgets the processes that have ended, so that they count as never started. */
export async function forgetEnded(layout: Layout): Promise<void> {
  for (const name of await startedProcesses(layout)) {
    if ((await runningProcess(layout, name)) === undefined) await rm(join(recordsOf(layout), name));
  }
}

/** Throws where one of the processes that were started has ended since. */
export async function failIfEnded(layout: Layout): Promise<void> {
  for (const name of await startedProcesses(layout)) {
    if ((await runningProcess(layout, name)) === undefined) throw endedEarly(layout, name);
  }
}

/** The names of all processes that were started since the namespaces were made. */
export async function startedProcesses(layout: Layout): Promise<string[]> {
  return existsSync(recordsOf(layout)) ? (await readdir(recordsOf(layout))).toSorted() : [];
}

/** The log of a process. */
export function logOf(layout: Layout, name: string): string {
  return join(layout.logs, `${name}.log`);
}

function keyOf(wanted: NodeProcess): string {
  return contentKey([{ name: wanted.program, content: JSON.stringify([wanted.args, wanted.config]) }]);
}

function launch(program: string, args: readonly string[], path: string, log: string): number | undefined {
  const output = openSync(log, 'a');
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', output, output],
    cwd: '/',
    env: { PATH: path, HOME: '/root' },
  });
  closeSync(output);
  // One that could not be started has no number.
  child.once('error', () => undefined);
  child.unref();
  return child.pid;
}

/** What was started is an `nsenter` that waits for the program, so it ends once the program has, with its ports. */
async function end(running: Running, name: string): Promise<void> {
  const programs = childrenOf(running.pid);
  for (const one of programs.length > 0 ? programs : [running]) signal(one, 'SIGKILL');
  await until(`${name} to end`, () => (isAlive(running) ? undefined : true), { seconds: 10, interval: 10 });
}

function childrenOf(pid: number): ProcessIdentity[] {
  const numbers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  return numbers.map(identify).filter((child) => child !== undefined);
}

function endedEarly(layout: Layout, name: string): ClusterError {
  const log = logOf(layout, name);
  return new ClusterError('command-failed', `${name} ended by itself\n${lastLines(log, 8)}`, log);
}

function recordsOf(layout: Layout): string {
  return join(layout.run, 'processes');
}

function parseRecord(text: string): Running | undefined {
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record !== 'object' || record === null) return undefined;
    if (!('pid' in record) || !('startTime' in record) || !('key' in record)) return undefined;
    const { pid, startTime, key } = record;
    if (typeof pid !== 'number' || typeof startTime !== 'number' || typeof key !== 'string') return undefined;
    return { pid, startTime, key };
  } catch {
    return undefined;
  }
}
