import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { environment, startCluster, until, type TestCluster } from '../../test/cluster.ts';
import { at } from '../kube/json.ts';
import { COLLAB_EDITOR } from '../reconcile/cluster.ts';
import { runCommandLine } from './command-line.ts';

let cluster: TestCluster;
let folder: string;
let namespace: string;
let kubeconfig: string | undefined;
const open: ChildProcess[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  kubeconfig = process.env['KUBECONFIG'];
  process.env['KUBECONFIG'] = cluster.kubeconfigPath;
  folder = await mkdtemp(join(tmpdir(), 'collabeditor-config-'));
  namespace = await cluster.namespace('logs');
  await cluster.client.create(COLLAB_EDITOR, logging('team'));
  await cluster.client.create(COLLAB_EDITOR, environment(namespace, 'quiet'));
}, 120_000);

afterAll(async () => {
  if (kubeconfig === undefined) Reflect.deleteProperty(process.env, 'KUBECONFIG');
  else process.env['KUBECONFIG'] = kubeconfig;
  for (const child of open) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
  await cluster[Symbol.asyncDispose]();
});

const logging = (name: string) => environment(namespace, name, { observability: { logs: 'Managed' } });

/** A command under way. */
function begin(args: string[]) {
  const written = { out: '', err: '' };
  const stop = new AbortController();
  const done = runCommandLine(['collector-config', ...args], {
    env: {},
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    readInput: async () => '',
    signal: stop.signal,
  });
  return { written, stop: () => stop.abort(), done };
}

/** Stands for a collector: tells each reload and what the file was then. */
async function startStandIn(file: string): Promise<{ reloads: () => string[] }> {
  const script = `
    const { readFileSync } = require('node:fs');
    process.on('SIGHUP', () => console.log(readFileSync(process.argv[2], 'utf8').split('\\n').length));
    setInterval(() => undefined, 1000);
    console.log('started');`;
  const child = spawn(process.execPath, ['-e', script, '--', '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  open.push(child);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await until('it has started', () => text.includes('started'));
  return { reloads: () => text.split('\n').slice(1, -1) };
}

const names = (text: string) => Object.keys(at(parse(text), 'receivers') ?? {});
const receiver = (name: string) => `file_log/${namespace}.${name}`;

describe('collector-config --once', () => {
  it('[OL20] prints the configuration of the environments whose logs are kept', async () => {
    const { done, written } = begin(['--once']);
    expect(await done).toBe(0);
    expect(names(written.out)).toEqual([receiver('team')]);
    const file = join(folder, 'once.yaml');
    expect(await begin(['--once', '--output', file]).done).toBe(0);
    expect(await readFile(file, 'utf8')).toBe(written.out);
    const sized = begin(['--once', '--queue-size', '2Mi']);
    expect(await sized.done).toBe(0);
    expect(sized.written.out).toContain('queue_size: 2097152');
    expect(await begin(['--once', '--queue-size', '10']).done).toBe(64);
  });

  it('[OL20] is needed where there is no file to keep', async () => {
    const { done, written } = begin([]);
    expect(await done).toBe(64);
    expect(written.err).toContain('--output');
  });
});

describe('collector-config', () => {
  it('[OL18, OL19, OL24] follows the environments, reloads the collector when they change, and keeps what it has without an API server', async () => {
    const file = join(folder, 'config.yaml');
    const storage = join(folder, 'storage');
    await mkdir(storage);
    const kept = [`receiver_filelog_${namespace}.team`, `exporter_otlp_http_${namespace}.team_logs`, 'tempdb1'];
    const ofOne = [`receiver_filelog_${namespace}.one`, `exporter_otlp_http_${namespace}.one_logs`];
    for (const name of [...kept, ...ofOne]) await writeFile(join(storage, name), '');
    const command = begin(['--output', file, '--storage', storage, '--reload']);
    await until('it is written', async () => (await stat(file).catch(() => undefined)) !== undefined);
    const first = await readFile(file, 'utf8');
    expect(names(first)).toEqual([receiver('team')]);
    const [collector, other] = [await startStandIn(file), await startStandIn(`${file}.other`)];

    expect((await readdir(storage)).sort()).toEqual([...kept].sort());

    // A change that makes no difference.
    await cluster.client.patch(COLLAB_EDITOR, { namespace, name: 'team' }, { spec: { paused: true } });
    await cluster.client.create(COLLAB_EDITOR, logging('one'));
    await cluster.client.create(COLLAB_EDITOR, logging('two'));
    await until('both are there', async () => names(await readFile(file, 'utf8')).length === 3);
    await until('it has reloaded', () => collector.reloads().length > 0);
    for (const name of ofOne) await writeFile(join(storage, name), '');
    await cluster.client.patch(
      COLLAB_EDITOR,
      { namespace, name: 'one' },
      { spec: { observability: { logs: 'None' } } },
    );
    await until('one is gone', async () => names(await readFile(file, 'utf8')).length === 2);
    expect((await readdir(storage)).sort()).toEqual([...kept].sort());
    const now = await readFile(file, 'utf8');
    expect(names(now)).toEqual([receiver('team'), receiver('two')]);
    await until('it has read the last', () => collector.reloads().at(-1) === String(now.split('\n').length));
    expect(collector.reloads().length).toBeLessThanOrEqual(3);
    expect(other.reloads()).toEqual([]);
    expect((await readdir(folder)).filter((name) => name.endsWith('.new'))).toEqual([]);

    await cluster.stopServer();
    await until('it says so', () => command.written.err.includes('cannot be watched'));
    expect(await readFile(file, 'utf8')).toBe(now);
    command.stop();
    expect(await command.done).toBe(0);
  });
});
