import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { lastLines, run, until } from '../command.ts';
import { ClusterError } from '../errors.ts';
import type { ProcessIdentity } from '../identity.ts';
import { identify, isAlive, signal, startTimeOf } from '../identity.ts';
import { withLock } from '../lock.ts';
import type { Layout } from './layout.ts';
import { addresses, mountPointLock } from './layout.ts';

/**
 * Everything of a node lives in a network, mount and process namespace of its own. When the first process of the
 * process namespace ends, the kernel kills every other one in it, and with the last the mounts and the network go.
 * So ending that one process ends the node, whatever state it is in.
 *
 * The script runs as that first process. It writes down its number on the machine before it does anything else.
 */
const script = `
set -eu
state=$1 pause=$2 node=$3
read -r stat < /proc/self/stat
printf '%s\\n' "$stat" > "$state/run/init.new"
mv "$state/run/init.new" "$state/run/init"
mount -t proc proc /proc
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lock /run/netns
mkdir "$state/run/cni"
mount --bind "$state/run/cni" /var/lib/cni
mount --bind "$state/data/kubelet" /var/lib/kubelet
mount --bind "$state/data/collector" /var/lib/collabeditor-collector
mount --bind "$state/data/log" /var/log
for image in "$state"/data/volumes/*.ext4; do
  if [ -e "$image" ]; then mount -o loop "$image" "\${image%.ext4}"; fi
done
ip link set lo up
ip link add node0 type bridge
ip address add "$node/24" dev node0
ip link set node0 up
ip route add default via "$node"
echo 1 > /proc/sys/net/ipv4/ip_forward
: > "$state/run/init-ready"
exec "$pause" collabeditor-cluster "$state"
`;

/**
 * Folders of the machine over which the node's own are mounted: the kubelet has no option for its sockets, the network
 * plugins have none for what they remember, and pods with a folder of their node name it by its usual place.
 */
export const mountPoints = ['/var/lib/kubelet', '/var/lib/cni', '/var/lib/collabeditor-collector'];

/** The node's first process as numbered on the machine, or undefined where the node does not run. */
export function runningInit(layout: Layout): ProcessIdentity | undefined {
  const file = join(layout.run, 'init');
  if (!existsSync(file)) return undefined;
  const stat = readFileSync(file, 'utf8');
  const startTime = startTimeOf(stat);
  const pid = Number.parseInt(stat, 10);
  if (startTime === undefined || !Number.isInteger(pid)) return undefined;
  return isAlive({ pid, startTime }) ? { pid, startTime } : undefined;
}

/** As `runningInit`, but not while the kernel is ending the node: its namespaces cannot be entered then. */
export async function usableInit(layout: Layout): Promise<ProcessIdentity | undefined> {
  const init = runningInit(layout);
  if (init === undefined) return undefined;
  const entered = run('nsenter', [...insideNode(init), 'true']).then(
    () => true,
    () => false,
  );
  if (await entered) return init;
  await endNamespaces(layout);
  return undefined;
}

/** Makes the namespaces of a node that does not run. */
export async function makeNamespaces(layout: Layout, pause: string): Promise<ProcessIdentity> {
  return withLock(mountPointLock(), () => makeUnderLock(layout, pause));
}

async function makeUnderLock(layout: Layout, pause: string): Promise<ProcessIdentity> {
  await rm(layout.run, { recursive: true, force: true });
  for (const folder of [layout.run, layout.kubelet, layout.varLog, layout.collector, ...mountPoints]) {
    await mkdir(folder, { recursive: true });
  }
  const log = join(layout.logs, 'namespaces.log');
  const output = openSync(log, 'w');
  const child = spawn(
    'unshare',
    // prettier-ignore
    ['--mount', '--net', '--pid', '--fork', '--propagation', 'private', '--',
     'sh', '-c', script, 'init', layout.state, pause, addresses.node],
    { detached: true, stdio: ['ignore', output, output] },
  );
  closeSync(output);
  child.unref();
  let failure: string | undefined;
  child.once('error', (error) => (failure = String(error)));
  child.once('exit', (code) => (failure = `ended with ${code ?? 'a signal'}\n${lastLines(log, 5)}`));
  return until(
    'the namespaces',
    () => {
      if (failure !== undefined) throw new ClusterError('command-failed', `the namespaces: ${failure}`, log);
      return existsSync(join(layout.run, 'init-ready')) ? runningInit(layout) : undefined;
    },
    { seconds: 10, interval: 10, log },
  );
}

/** Ends everything in the namespaces. */
export async function endNamespaces(layout: Layout): Promise<void> {
  const init = runningInit(layout);
  if (init === undefined) return;
  signal(init, 'SIGKILL');
  // It stays until the kernel has ended all others.
  await until('the node to end', () => (identify(init.pid)?.startTime === init.startTime ? undefined : true), {
    seconds: 30,
    interval: 10,
  });
}

/** The arguments that make `nsenter` run something as a process of the node. */
export function insideNode(init: ProcessIdentity): string[] {
  return ['--target', String(init.pid), '--net', '--pid', '--mount', '--'];
}
