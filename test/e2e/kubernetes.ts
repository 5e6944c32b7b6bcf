import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The scenario runs inside the cluster's network, with KUBECONFIG set, so plain kubectl it is. */
export async function kubectl(args: readonly string[], input?: string): Promise<string> {
  const pending = run('kubectl', [...args], { maxBuffer: 1 << 26 });
  pending.child.stdin?.end(input ?? '');
  return (await pending).stdout;
}

export async function apply(object: unknown): Promise<void> {
  await kubectl(
    ['apply', '--server-side', '--force-conflicts', '--field-manager=scenario', '-f', '-'],
    JSON.stringify(object),
  );
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

export async function get(namespace: string, kind: string, name: string): Promise<KubeObject | undefined> {
  const text = await kubectl(['-n', namespace, 'get', kind, name, '-o', 'json', '--ignore-not-found']);
  return text.trim() === '' ? undefined : (JSON.parse(text) as KubeObject);
}

export async function list(namespace: string, kinds: string, selector: string): Promise<KubeObject[]> {
  const text = await kubectl(['-n', namespace, 'get', kinds, '-l', selector, '-o', 'json']);
  return (JSON.parse(text) as { items: KubeObject[] }).items;
}

export async function secret(namespace: string, name: string): Promise<Readonly<Record<string, string>>> {
  const object = await get(namespace, 'secret', name);
  if (!object) throw new Error(`no Secret ${namespace}/${name}`);
  return Object.fromEntries(
    Object.entries(object.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

/** Processes of a pod whose command line has that text. The pod's UID is in their cgroup's name, so none but its own are found. */
export function processesOf(podUid: string, commandLine: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const cgroup = readFileSync(`/proc/${pid}/cgroup`, 'utf8').replaceAll('_', '-');
        return cgroup.includes(podUid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(commandLine);
      } catch {
        return false; // the process ended meanwhile
      }
    })
    .map(Number);
}
