import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { run, until } from '../command.ts';
import { identify, isAlive, signal } from '../identity.ts';
import { buildImages, pauseArchive } from '../images.ts';
import { room } from '../paths.ts';
import { down } from './down.ts';
import { layoutOf } from './layout.ts';
import { runningInit } from './namespaces.ts';
import { runningProcess } from './processes.ts';
import { up } from './up.ts';
import { loadImages, statusOf, urlOf } from './use.ts';

const layout = layoutOf(`test-${process.pid}`);
const program = join(room, 'cluster');

async function inside(...command: string[]): Promise<string> {
  return run(program, ['exec', '--name', layout.name, '--', ...command]);
}

/** What the pod has said since it started, once it has said all. */
async function said(pod: string): Promise<string> {
  return until(`${pod} to speak`, async () => {
    const log = await inside('kubectl', 'logs', pod).catch(() => '');
    return log.includes('kept') ? log : undefined;
  });
}

const boundedClaim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'bounded' },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'bounded', resources: { requests: { storage: '4Mi' } } },
};

/** Fills its volume, and says how much of an earlier run it found there and how much it got in. */
const writer = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'writer' },
  spec: {
    containers: [
      {
        name: 'writer',
        image: 'localhost/collabeditor/debian:trixie',
        command: ['bash', '-c'],
        args: [
          `touch /collector/mark; ls /var/log/pods; before=$(cat /data/* | wc -c)
          head -c 8M /dev/zero > /data/zeros; echo "found $before"; echo "kept $(cat /data/* | wc -c)"
          exec sleep infinity`,
        ],
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'logs', mountPath: '/var/log/pods', readOnly: true },
          { name: 'collector', mountPath: '/collector' },
        ],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: 'bounded' } },
      { name: 'logs', hostPath: { path: '/var/log/pods' } },
      { name: 'collector', hostPath: { path: '/var/lib/collabeditor-collector', type: 'DirectoryOrCreate' } },
    ],
  },
};

describe('a node', () => {
  beforeAll(() => up(layout, 18_080), 180_000);
  afterAll(() => down(layout));

  it('[CL24] runs a pod with a volume of the default class', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'one' },
      spec: {
        containers: [
          {
            name: 'one',
            image: 'localhost/collabeditor/pause:1',
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      },
    };
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
    };
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [claim, pod] });
    await run(program, ['exec', '--name', layout.name, '--', 'kubectl', 'create', '-f', '-'], { input: list });
    await inside('kubectl', 'wait', '--for=condition=Ready', 'pod/one', '--timeout=60s');
    const volumes = globSync(join(layout.volumes, 'pvc-*'));
    expect(volumes).toHaveLength(1);
  });

  it('[CL31] ends what is written beyond the size of a bounded claim', async () => {
    const archives = (await buildImages(['debian'])).map((image) => image.archive);
    await loadImages(layout, archives);
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [boundedClaim, writer] });
    await run(program, ['exec', '--name', layout.name, '--', 'kubectl', 'create', '-f', '-'], { input: list });
    await inside('kubectl', 'wait', '--for=condition=Ready', 'pod/writer', '--timeout=60s');
    expect(await said('writer')).toMatch(/No space left on device\nfound 0\nkept \d{7}\n/);
  }, 180_000);

  it("[CL33] keeps what pods see of the node's folders to the cluster", async () => {
    expect(await said('writer')).toMatch(/default_writer_/);
    expect(existsSync(join(layout.collector, 'mark'))).toBe(true);
    expect(existsSync('/var/lib/collabeditor-collector/mark')).toBe(false);
  });

  it('[CL21] does not load again what is there', async () => {
    expect(await loadImages(layout, [await pauseArchive()])).toBe(0);
  });

  it("[CL25] resolves the cluster's names in exec, and leaves the machine's resolver", async () => {
    const before = readFileSync('/etc/resolv.conf', 'utf8');
    const lookup = "require('dns').lookup('kubernetes.default.svc.cluster.local',(e,a)=>console.log(e??a))";
    expect((await inside(process.execPath, '-e', lookup)).trim()).toBe('10.96.0.1');
    expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(before);
  });

  it("[CL26] passes on the command's exit code", async () => {
    await expect(inside('sh', '-c', 'exit 7')).rejects.toThrow(/ended with 7/);
  });

  it("[CL27] is reached through the machine's loopback", async () => {
    expect((await fetch(await urlOf(layout))).status).toBe(404);
  });

  it('[CL28] starts again only what has ended', async () => {
    const scheduler = await runningProcess(layout, 'kube-scheduler');
    const etcd = await runningProcess(layout, 'etcd');
    if (scheduler === undefined) throw new Error('no scheduler');
    signal(scheduler, 'SIGKILL');
    await up(layout, 18_080);
    expect((await statusOf(layout)).state).toBe('running');
    expect((await runningProcess(layout, 'kube-scheduler'))?.pid).not.toBe(scheduler.pid);
    expect((await runningProcess(layout, 'etcd'))?.pid).toBe(etcd?.pid);
  }, 120_000);

  it('[CL29] comes back with its data after it was killed', async () => {
    const init = runningInit(layout);
    if (init === undefined) throw new Error('no node');
    signal(init, 'SIGKILL');
    await up(layout, 18_080);
    await inside('kubectl', 'wait', '--for=condition=Ready', 'pod/one', '--timeout=60s');
  }, 180_000);

  it('[CL32] keeps a bounded volume as long as its claim', async () => {
    await until('the pod to start again', async () => ((await said('writer')).includes('found 0') ? undefined : true));
    expect(await said('writer')).toMatch(/found \d{7}\n/);
    await inside('kubectl', 'delete', 'pod/writer', 'pvc/bounded', '--now');
    await until('the volume to go', () => (globSync(join(layout.volumes, '*.ext4')).length === 0 ? true : undefined));
  }, 120_000);

  it('[CL30] leaves nothing behind after down', async () => {
    const { processes } = await statusOf(layout);
    const identities = Object.values(processes).map((pid) => identify(pid ?? 0));
    expect(identities.every((identity) => identity !== undefined)).toBe(true);
    await down(layout);
    expect(identities.some((identity) => identity !== undefined && isAlive(identity))).toBe(false);
    expect(existsSync(layout.state)).toBe(false);
    expect(globSync(`/sys/fs/cgroup/{,*/}${layout.cgroup}`)).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(layout.state);
    expect((await statusOf(layout)).state).toBe('absent');
    // And again, with nothing there.
    await down(layout);
  });
});
