import { readFileSync } from 'node:fs';

/** A process that stays told apart from a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between the machine's start and the process's. */
  readonly startTime: number;
}

/** The start time in the text of /proc/PID/stat. The name before it may hold spaces and parentheses. */
export function startTimeOf(stat: string): number | undefined {
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = afterName[0];
  const startTime = Number(afterName[19]);
  if (state === undefined || state === 'Z' || state === 'X' || !Number.isInteger(startTime)) return undefined;
  return startTime;
}

/** The identity of a running process, or undefined where none has this number. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const startTime = startTimeOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return startTime === undefined ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/** Sends a signal to exactly this process, and to nothing where it is gone. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch {
    // It ended between the look and the signal.
  }
}
