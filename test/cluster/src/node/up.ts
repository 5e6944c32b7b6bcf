import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { build } from '../build.ts';
import { run, until } from '../command.ts';
import type { Client } from '../credentials.ts';
import { administrators, makeCredentials, writeKubeconfig } from '../credentials.ts';
import type { ProcessIdentity } from '../identity.ts';
import { pauseArchive } from '../images.ts';
import { contentKey } from '../key.ts';
import { withLock } from '../lock.ts';
import { requirePackages } from '../packages.ts';
import { nodeParts } from '../parts.ts';
import { stage } from '../stage.ts';
import { addonObjects } from './addons.ts';
import { makeCgroup } from './cgroups.ts';
import { writeConfig } from './config.ts';
import type { ForwardedPort, Programs } from './control-plane.ts';
import * as plane from './control-plane.ts';
import type { Layout } from './layout.ts';
import { addresses, apiUrl, nodeName } from './layout.ts';
import { load } from './load.ts';
import { makeNamespaces, runningInit, usableInit } from './namespaces.ts';
import type { NodeProcess } from './processes.ts';
import { ensureProcess, failIfEnded, forgetEnded, logOf, runsAsWanted } from './processes.ts';

const clients: readonly Client[] = [
  { name: 'admin', user: 'admin', group: administrators },
  { name: 'kubelet', user: `system:node:${nodeName}`, group: 'system:nodes' },
  { name: 'kube-controller-manager', user: 'kube-controller-manager', group: administrators },
  { name: 'kube-scheduler', user: 'system:kube-scheduler' },
  { name: 'kube-proxy', user: 'system:kube-proxy' },
  { name: 'kubelet-client', user: 'kube-apiserver', group: administrators },
  ...['coredns', 'metrics-server', 'provisioner', 'traefik'].map((name) => ({
    name,
    user: name,
    group: administrators,
  })),
];

/** Brings a cluster to where everything runs, from whatever state it is in. `port` is the first to try. */
export async function up(layout: Layout, port: number): Promise<void> {
  await withLock(layout.lock, async () => {
    requirePackages('node');
    const folders = await build(nodeParts, { quiet: true });
    const programs: Programs = (part, program = part) => join(folders.get(part) ?? '', program);
    if (await isWhole(layout, programs)) return;
    await rm(join(layout.state, 'complete'), { force: true });
    await writeConfig(layout, programs('runc'));
    const running = await usableInit(layout);
    const init = running ?? (await stage('namespaces', () => prepare(layout, programs, port)));
    await forgetEnded(layout);
    await stage('API server', () => startApi(layout, init, programs));
    await stage('container runtime', async () => {
      const archive = await pauseArchive();
      await waitFor(layout, 'containerd', async () => {
        await load(layout, init, programs, [archive]);
        return true;
      });
    });
    await stage('node', () => startNode(layout, init, programs));
    await stage('add-ons', () => addonsReady(layout, init, programs));
    await writeFile(join(layout.state, 'complete'), objectsKey());
  });
}

/** The port of the machine's loopback that a forwarder has. */
async function portOf(layout: Layout, forwarded: ForwardedPort): Promise<number> {
  return Number(await readFile(plane.portFile(layout, forwarded), 'utf8'));
}

/** Tells whether the objects of the add-ons are still those that were applied. */
function objectsKey(): string {
  return contentKey([{ name: 'objects', content: JSON.stringify(addonObjects()) }]);
}

/** Where everything runs as it should, nothing needs to be done. */
async function isWhole(layout: Layout, programs: Programs): Promise<boolean> {
  const init = runningInit(layout);
  const complete = await readFile(join(layout.state, 'complete'), 'utf8').catch(() => undefined);
  if (init === undefined || complete !== objectsKey()) return false;
  const wanted = [...serving(layout, init, programs), ...plane.clientsOfApi(layout, programs)];
  const asWanted = await Promise.all(wanted.map((one) => runsAsWanted(layout, one)));
  return asWanted.every(Boolean) && (await apiAnswers(layout, programs)) !== undefined;
}

async function prepare(layout: Layout, programs: Programs, port: number): Promise<ProcessIdentity> {
  for (const folder of [layout.logs, layout.config, layout.volumes]) await mkdir(folder, { recursive: true });
  await writeWish(layout, plane.forwardedPorts.ingress, port);
  await writeWish(layout, plane.forwardedPorts.api, 16_443);
  await makeCgroup(layout.cgroup);
  const server = { url: apiUrl, addresses: ['127.0.0.1', addresses.node, addresses.kubernetes] };
  const certificates = programs('kubernetes', 'node-certificates');
  await makeCredentials(certificates, layout.credentials, server, clients);
  return makeNamespaces(layout, programs('pause'));
}

async function writeWish(layout: Layout, forwarded: ForwardedPort, port: number): Promise<void> {
  const file = plane.wishFile(layout, forwarded);
  if (!existsSync(file)) await writeFile(file, String(port));
}

async function startApi(layout: Layout, init: ProcessIdentity, programs: Programs): Promise<void> {
  await ensureAll(layout, init, programs, serving(layout, init, programs));
  for (const forwarded of Object.values(plane.forwardedPorts)) {
    await waitFor(layout, forwarded.name, () => existsSync(plane.portFile(layout, forwarded)));
    await writeFile(plane.wishFile(layout, forwarded), String(await portOf(layout, forwarded)));
  }
  const url = `https://127.0.0.1:${await portOf(layout, plane.forwardedPorts.api)}`;
  await writeKubeconfig(layout.credentials, 'admin', url, 'host');
  await waitFor(layout, 'kube-apiserver', async () => (await apiAnswers(layout, programs)) === 'ok');
}

function serving(layout: Layout, init: ProcessIdentity, programs: Programs): NodeProcess[] {
  const forwarders = Object.values(plane.forwardedPorts).map((forwarded) =>
    plane.forwarder(layout, programs, init.pid, forwarded),
  );
  return [...plane.foundation(layout, programs), ...forwarders];
}

async function startNode(layout: Layout, init: ProcessIdentity, programs: Programs): Promise<void> {
  await ensureAll(layout, init, programs, plane.clientsOfApi(layout, programs));
  const objects = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: addonObjects() });
  await kubectl(layout, programs, ['apply', '--server-side', '--force-conflicts', '-f', '-'], objects);
  await waitFor(layout, 'kubelet', async () => conditionHolds(layout, programs, `node/${nodeName}`, 'Ready'));
}

async function addonsReady(layout: Layout, init: ProcessIdentity, programs: Programs): Promise<void> {
  for (const [name, url] of Object.entries(plane.readinessUrls)) {
    await waitFor(layout, name, () => answersInside(init, url));
  }
  // Without it the first pod is refused.
  await waitFor(layout, 'kube-controller-manager', async () => {
    const account = await kubectl(layout, programs, ['get', 'serviceaccount', 'default', '--ignore-not-found']);
    return account !== '';
  });
  await waitFor(layout, 'metrics-server', async () =>
    conditionHolds(layout, programs, 'apiservice/v1beta1.metrics.k8s.io', 'Available'),
  );
}

async function conditionHolds(layout: Layout, programs: Programs, object: string, type: string): Promise<boolean> {
  const path = `jsonpath={.status.conditions[?(@.type=="${type}")].status}`;
  const status = await kubectl(layout, programs, ['get', object, '-o', path, '--ignore-not-found']);
  return status === 'True';
}

async function apiAnswers(layout: Layout, programs: Programs): Promise<string | undefined> {
  return kubectl(layout, programs, ['get', '--raw', '/readyz', '--request-timeout=5s']).catch(() => undefined);
}

async function kubectl(layout: Layout, programs: Programs, args: readonly string[], input = ''): Promise<string> {
  const kubeconfig = join(layout.credentials, 'host.kubeconfig');
  return run(programs('kubernetes', 'kubectl'), ['--kubeconfig', kubeconfig, ...args], { input });
}

async function answersInside(init: ProcessIdentity, url: string): Promise<boolean> {
  const request = `fetch(${JSON.stringify(url)}).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  return run('nsenter', ['--target', String(init.pid), '--net', '--', process.execPath, '-e', request]).then(
    () => true,
    () => false,
  );
}

async function ensureAll(
  layout: Layout,
  init: ProcessIdentity,
  programs: Programs,
  processes: readonly NodeProcess[],
): Promise<void> {
  const own = ['containerd', 'runc', 'kubernetes'].map((part) => join(programs(part), '..'));
  const path = [...own, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':');
  for (const wanted of processes) await ensureProcess(layout, init, wanted, path);
}

/** Waits for what a process of the node brings about, and fails at once when any process of it ends. */
async function waitFor(layout: Layout, name: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  let reason = '';
  const ask = async (): Promise<true | undefined> => {
    await failIfEnded(layout);
    try {
      return (await holds()) ? true : undefined;
    } catch (thrown) {
      reason = `, last: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
      return undefined;
    }
  };
  await until(name, ask, { seconds: 90, interval: 100, log: logOf(layout, name), detail: () => reason });
}
