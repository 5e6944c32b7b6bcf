import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from './build.ts';
import { lastLines, until } from './command.ts';
import { administrators, makeCredentials } from './credentials.ts';
import { ClusterError } from './errors.ts';
import { identify, isAlive } from './identity.ts';

/** A private API server. Disposing it stops its processes and removes its data. */
export interface ApiServer extends AsyncDisposable {
  /** File with the administrator's kubeconfig. */
  readonly kubeconfigPath: string;
  /** Its content. */
  readonly kubeconfig: string;
  /** Process id of kube-apiserver. */
  readonly pid: number;
}

/**
 * The controllers that act without pods. Workload controllers stay out, so that a test can play them; those that
 * take finalizers off stay in, or a deletion would never end.
 */
const controllers = [
  'clusterrole-aggregation-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'persistentvolume-protection-controller',
  'persistentvolumeclaim-protection-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
];

const prefix = 'collabeditor-api-';

/** Starts etcd, kube-apiserver and kube-controller-manager on ports of the loopback that nobody else has. */
export async function startApiServer(): Promise<ApiServer> {
  const programs = (await build(['kubernetes'], { quiet: true })).get('kubernetes') ?? '';
  await removeAbandoned();
  const folder = await mkdtemp(join(tmpdir(), prefix));
  await writeFile(join(folder, 'owner'), JSON.stringify(identify(process.pid)));
  const children: ChildProcess[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(children.map(stop));
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    return { ...(await start(programs, folder, children)), [Symbol.asyncDispose]: dispose };
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
}

async function start(programs: string, folder: string, children: ChildProcess[]): Promise<Omit<ApiServer, symbol>> {
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const credentials = join(folder, 'credentials');
  const url = `https://127.0.0.1:${port}`;
  const launch = (name: string, args: readonly string[]): ChildProcess => {
    const child = startBound(join(programs, name), args, join(folder, `${name}.log`));
    children.push(child);
    return child;
  };
  launch('etcd', etcdArguments(join(folder, 'etcd'), etcdPort, peerPort));
  await makeCredentials(join(programs, 'node-certificates'), credentials, { url, addresses: ['127.0.0.1'] }, [
    { name: 'admin', user: 'admin', group: administrators },
    { name: 'kube-controller-manager', user: 'kube-controller-manager', group: administrators },
  ]);
  const server = launch('kube-apiserver', apiServerArguments(credentials, port, etcdPort));
  await ready(url, credentials, server, join(folder, 'kube-apiserver.log'));
  launch('kube-controller-manager', controllerManagerArguments(credentials));
  const kubeconfigPath = join(credentials, 'admin.kubeconfig');
  return { kubeconfigPath, kubeconfig: await readFile(kubeconfigPath, 'utf8'), pid: server.pid ?? 0 };
}

function etcdArguments(data: string, port: number, peerPort: number): string[] {
  const peer = `http://127.0.0.1:${peerPort}`;
  const client = `http://127.0.0.1:${port}`;
  return [
    `--data-dir=${data}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

function apiServerArguments(credentials: string, port: number, etcdPort: number): string[] {
  const file = (name: string): string => join(credentials, name);
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    // Its own address is no endpoint that a pod could reach; there are no pods either.
    '--endpoint-reconciler-type=none',
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('service-accounts.key')}`,
    `--service-account-signing-key-file=${file('service-accounts.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--tls-cert-file=${file('server.crt')}`,
    `--tls-private-key-file=${file('server.key')}`,
  ];
}

function controllerManagerArguments(credentials: string): string[] {
  return [
    `--kubeconfig=${join(credentials, 'kube-controller-manager.kubeconfig')}`,
    `--controllers=${controllers.join(',')}`,
    `--service-account-private-key-file=${join(credentials, 'service-accounts.key')}`,
    `--root-ca-file=${join(credentials, 'ca.crt')}`,
    '--leader-elect=false',
    '--secure-port=0',
  ];
}

/** A child that the kernel kills when this process ends, however it ends. */
function startBound(program: string, args: readonly string[], log: string): ChildProcess {
  const output = openSync(log, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
    // A Ctrl-C is for this process, which then stops its children in its own order.
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  // One that could not be started is seen by `ready` as one that has ended.
  child.once('error', () => undefined);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  child.once('exit', () => {
    resolve(undefined);
  });
  // The data is thrown away, so nothing is gained by asking politely.
  child.kill('SIGKILL');
  await promise;
}

async function ready(url: string, credentials: string, server: ChildProcess, log: string): Promise<void> {
  const tls = {
    ca: readFileSync(join(credentials, 'ca.crt')),
    cert: readFileSync(join(credentials, 'admin.crt')),
    key: readFileSync(join(credentials, 'admin.key')),
  };
  await until(
    'the API server to be ready',
    async () => {
      if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) {
        throw new ClusterError('command-failed', `kube-apiserver ended early\n${lastLines(log, 5)}`, log);
      }
      return (await statusOf(`${url}/readyz`, tls)) === 200 ? true : undefined;
    },
    { seconds: 60, log },
  );
}

/** The status code of a GET, or undefined where no answer came. */
async function statusOf(
  url: string,
  tls: Readonly<Record<'ca' | 'cert' | 'key', Buffer>>,
): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const request = get(url, { ...tls, agent: false, timeout: 5000 }, (response) => {
    response.resume();
    resolve(response.statusCode);
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => {
    resolve(undefined);
  });
  return promise;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports = await Promise.all(
    servers.map(async (server) => {
      const { promise, resolve } = Promise.withResolvers<number>();
      server.once('listening', () => {
        const address = server.address();
        resolve(address !== null && typeof address === 'object' ? address.port : 0);
      });
      return promise;
    }),
  );
  for (const server of servers) server.close();
  return ports;
}

/** Removes the folders of API servers whose owners were killed. */
async function removeAbandoned(): Promise<void> {
  for (const entry of await readdir(tmpdir())) {
    if (!entry.startsWith(prefix)) continue;
    const folder = join(tmpdir(), entry);
    const owner = ownerOf(join(folder, 'owner'));
    if (owner !== undefined && !isAlive(owner)) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function ownerOf(file: string): { pid: number; startTime: number } | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const owner: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof owner !== 'object' || owner === null || !('pid' in owner) || !('startTime' in owner)) return undefined;
    const { pid, startTime } = owner;
    return typeof pid === 'number' && typeof startTime === 'number' ? { pid, startTime } : undefined;
  } catch {
    return undefined;
  }
}
