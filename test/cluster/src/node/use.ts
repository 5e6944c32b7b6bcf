import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { programsOf } from '../build.ts';
import { ClusterError } from '../errors.ts';
import type { ProcessIdentity } from '../identity.ts';
import { partNamed } from '../parts.ts';
import type { Programs } from './control-plane.ts';
import { forwardedPorts, portFile } from './control-plane.ts';
import type { Layout } from './layout.ts';
import { addresses } from './layout.ts';
import { load } from './load.ts';
import { runningInit } from './namespaces.ts';
import { runningProcess, startedProcesses } from './processes.ts';

/** A command line with its environment. */
interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The command line that runs a command in a cluster's network: with its names resolved as in a pod, its kubeconfig,
 * and its kubectl on the PATH. Files and processes are the machine's. The machine's own resolver stays as it is.
 */
function insideNetwork(layout: Layout, command: readonly string[]): CommandLine {
  const init = initOf(layout);
  const resolver = 'mount --bind "$0" /etc/resolv.conf; exec "$@"';
  return {
    command: 'nsenter',
    // prettier-ignore
    args: ['--target', String(init.pid), '--net', '--', 'unshare', '--mount', '--propagation', 'slave', '--',
           'sh', '-c', resolver, join(layout.config, 'resolv.conf'), ...command],
    env: {
      KUBECONFIG: join(layout.credentials, 'admin.kubeconfig'),
      COLLABEDITOR_NODE_ADDRESS: addresses.node,
      PATH: `${programsOf(partNamed('kubernetes'))}:${process.env['PATH'] ?? ''}`,
    },
  };
}

/** Runs a command in a cluster's network with our own input and output, and returns its exit code. */
export async function exec(layout: Layout, command: readonly string[]): Promise<number> {
  const { command: program, args, env } = insideNetwork(layout, command);
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  // A terminal sends these to the command too; it decides what they mean.
  for (const name of ['SIGINT', 'SIGQUIT'] as const) process.on(name, () => undefined);
  for (const name of ['SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill(name));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject).once('exit', (code) => {
    resolve(code ?? 1);
  });
  return promise;
}

/** Hands image archives to a running cluster, but not those that it has. */
export async function loadImages(layout: Layout, archives: readonly string[]): Promise<number> {
  return load(layout, initOf(layout), builtPrograms, archives);
}

/** The URL of the Ingress controller on the machine's loopback. */
export async function urlOf(layout: Layout): Promise<string> {
  initOf(layout);
  const port = (await readFile(portFile(layout, forwardedPorts.ingress), 'utf8')).trim();
  return `http://127.0.0.1:${port}`;
}

/** The file of a kubeconfig that works from the machine, or only in the cluster's network. */
export function kubeconfigOf(layout: Layout, from: 'host' | 'network'): string {
  initOf(layout);
  return join(layout.credentials, from === 'host' ? 'host.kubeconfig' : 'admin.kubeconfig');
}

/** How a cluster and each of its processes are. */
export interface Status {
  readonly state: 'absent' | 'stopped' | 'incomplete' | 'running';
  readonly processes: Readonly<Record<string, number | undefined>>;
}

/** Looks at a cluster without touching it. */
export async function statusOf(layout: Layout): Promise<Status> {
  if (!existsSync(layout.state)) return { state: 'absent', processes: {} };
  if (runningInit(layout) === undefined) return { state: 'stopped', processes: {} };
  const processes: Record<string, number | undefined> = {};
  for (const name of await startedProcesses(layout)) processes[name] = (await runningProcess(layout, name))?.pid;
  const whole =
    existsSync(join(layout.state, 'complete')) && Object.values(processes).every((pid) => pid !== undefined);
  return { state: whole ? 'running' : 'incomplete', processes };
}

const builtPrograms: Programs = (part, program = part) => join(programsOf(partNamed(part)), program);

function initOf(layout: Layout): ProcessIdentity {
  const init = runningInit(layout);
  if (init === undefined) throw new ClusterError('not-running', `the cluster ${layout.name} is not running`);
  return init;
}
