import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { run } from '../command.ts';
import { identify, isAlive, signal } from '../identity.ts';
import { pauseArchive } from '../images.ts';
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
