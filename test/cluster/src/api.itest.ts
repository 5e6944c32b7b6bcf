import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { ApiServer } from './api.ts';
import { startApiServer } from './api.ts';
import { programsOf } from './build.ts';
import { run, until } from './command.ts';
import { identify } from './identity.ts';
import { partNamed } from './parts.ts';
import { room } from './paths.ts';

const kubectlProgram = join(programsOf(partNamed('kubernetes')), 'kubectl');

async function kubectl(server: { kubeconfigPath: string }, args: readonly string[], object?: object): Promise<string> {
  const input = object === undefined ? '' : JSON.stringify(object);
  return run(kubectlProgram, ['--kubeconfig', server.kubeconfigPath, ...args], { input });
}

const gone = async (server: ApiServer, args: readonly string[]): Promise<true | undefined> =>
  (await kubectl(server, ['get', ...args, '--ignore-not-found', '-o', 'name'])) === '' ? true : undefined;

describe('an API server without a node', () => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await startApiServer();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  it('[CL12] lets the administrator do everything', async () => {
    expect((await kubectl(server, ['auth', 'can-i', '*', '*', '--all-namespaces'])).trim()).toBe('yes');
  });

  it('[CL12] runs beside another one', async () => {
    await using other = await startApiServer();
    await kubectl(other, ['create', 'namespace', 'only-there']);
    expect(await kubectl(server, ['get', 'namespace', 'only-there', '--ignore-not-found'])).toBe('');
  });

  it('[CL13] deletes a child of a deleted owner', async () => {
    const uid = await kubectl(server, ['create', 'configmap', 'owner', '-o', 'jsonpath={.metadata.uid}']);
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
    const child = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'child', ownerReferences } };
    await kubectl(server, ['create', '-f', '-'], child);
    await kubectl(server, ['delete', 'configmap', 'owner']);
    await until('the child to go', () => gone(server, ['configmap', 'child']), { seconds: 30 });
  });

  it('[CL13] deletes a namespace with what is in it', async () => {
    await kubectl(server, ['create', 'namespace', 'short']);
    await kubectl(server, ['-n', 'short', 'create', 'secret', 'generic', 'kept']);
    await kubectl(server, ['delete', 'namespace', 'short', '--timeout=30s']);
    expect(await gone(server, ['namespace', 'short'])).toBe(true);
  });

  it('[CL14] deletes a volume claim', async () => {
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    await kubectl(server, ['create', '-f', '-'], claim);
    await kubectl(server, ['delete', 'pvc', 'data', '--timeout=30s']);
    expect(await gone(server, ['pvc', 'data'])).toBe(true);
  });

  it('[CL15] leaves a Deployment to the test', async () => {
    await kubectl(server, ['create', 'deployment', 'web', '--image=none']);
    // The collector has seen what came before by the time a later child is gone.
    const uid = await kubectl(server, ['create', 'configmap', 'later', '-o', 'jsonpath={.metadata.uid}']);
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'later', uid }];
    await kubectl(server, ['create', '-f', '-'], {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'later-child', ownerReferences },
    });
    await kubectl(server, ['delete', 'configmap', 'later']);
    await until('the child to go', () => gone(server, ['configmap', 'later-child']), { seconds: 30 });
    expect(await kubectl(server, ['get', 'replicasets,pods', '-o', 'name'])).toBe('');
    expect(await kubectl(server, ['get', 'deployment', 'web', '-o', 'jsonpath={.status}'])).toBe('{}');
  });
});

it('[CL16] leaves no process and no file behind', async () => {
  const server = await startApiServer();
  const folder = join(server.kubeconfigPath, '..', '..');
  expect(existsSync(folder)).toBe(true);
  await server[Symbol.asyncDispose]();
  expect(existsSync(folder)).toBe(false);
  expect(identify(server.pid)).toBeUndefined();
  const left = await promisify(execFile)('pgrep', ['--full', folder]).catch((error: unknown) => error);
  expect(left).toMatchObject({ code: 1 });
});

describe('the command api', () => {
  interface Announced {
    readonly kubeconfig: string;
    readonly pid: number;
  }

  function announcedIn(line: unknown): Announced {
    if (typeof line === 'object' && line !== null && 'kubeconfig' in line && 'pid' in line) {
      const { kubeconfig, pid } = line;
      if (typeof kubeconfig === 'string' && typeof pid === 'number') return { kubeconfig, pid };
    }
    throw new TypeError(`not what was expected: ${JSON.stringify(line)}`);
  }

  async function startCommand(): Promise<{ child: ReturnType<typeof spawn>; announced: Announced }> {
    const child = spawn(join(room, 'cluster'), ['api'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const line: unknown[] = await once(child.stdout.setEncoding('utf8'), 'data');
    return { child, announced: announcedIn(JSON.parse(String(line[0]))) };
  }

  it('[CL18] ends when its input closes', async () => {
    const { child, announced } = await startCommand();
    await kubectl({ kubeconfigPath: announced.kubeconfig }, ['get', 'namespace', 'default']);
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(identify(announced.pid)).toBeUndefined();
    expect(existsSync(announced.kubeconfig)).toBe(false);
  });

  it('[CL17] takes its processes with it when it is killed, and its files with the next start', async () => {
    const { child, announced } = await startCommand();
    child.kill('SIGKILL');
    await until('the API server to end', () => (identify(announced.pid) === undefined ? true : undefined));
    const next = await startApiServer();
    expect(existsSync(announced.kubeconfig)).toBe(false);
    await next[Symbol.asyncDispose]();
  });
});
