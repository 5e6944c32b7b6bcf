import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProgramOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Made anew at each start. */
  readonly logFile: string;
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
}

export interface Program {
  readonly pid: number;
  /** Polls `ready`; throws with the end of the log when the program ends or the deadline passes. */
  readonly waitUntil: (ready: () => boolean | Promise<boolean>, deadlineMs: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Starts a server program that dies with this process. */
export function startProgram(options: ProgramOptions): Program {
  const { name, command, args, owner, logFile } = options;
  const log = openSync(logFile, 'w');
  const identity = owner ? [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'] : [];
  const child = spawn('setpriv', [...identity, '--pdeathsig', 'KILL', '--', command, ...args], {
    cwd: '/',
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LANG: 'C.UTF-8', ...options.environment },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`ended with ${signal ?? String(code)}`));
  });
  let end: string | undefined;
  void ended.then((reason) => (end = reason));

  return {
    pid: child.pid ?? -1,
    async waitUntil(ready, deadlineMs) {
      const deadline = Date.now() + deadlineMs;
      for (;;) {
        if (end !== undefined) throw new Error(`${name} ${end}; ${logFile} ends with:\n${tail(logFile)}`);
        if (await ready()) return;
        if (Date.now() > deadline)
          throw new Error(`${name} was not ready in ${deadlineMs} ms; ${logFile} ends with:\n${tail(logFile)}`);
        await delay(50);
      }
    },
    async stop() {
      if (end !== undefined) return;
      child.kill(options.stopSignal);
      const killer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await ended;
      clearTimeout(killer);
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-15).join('\n');
}
