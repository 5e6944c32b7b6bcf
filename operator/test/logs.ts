/** A node's log files, the collector that reads them and the stores that it sends to: all real but the kubelet and the pods. */
import { appendFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort, startProgram, type Program } from '../../test/harness/programs.ts';
import { build } from '../../test/cluster/src/build.ts';
import { collectorConfig } from '../src/collector/config.ts';
import { componentName, type LoggingEnvironment } from '../src/collector/environment.ts';
import { inCluster, type CollectorSettings } from '../src/collector/settings.ts';
import { at, isObject, listAt } from '../src/kube/json.ts';
import type { ResourceType } from '../src/kube/types.ts';
import { until, type TestCluster } from './cluster.ts';

const POD: ResourceType = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const SERVICE_ACCOUNT: ResourceType = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};

/** Flags without which the collector's configuration is not what it says. */
export const featureGates = '--feature-gates=stanza.synchronousLogEmitter,service.AllowNoPipelines';

/** The programs that the tests are about. */
export async function logPrograms(): Promise<{ collector: string; loki: string }> {
  const folders = await build(['collector', 'loki'], { quiet: true });
  const only = async (part: string) => {
    const folder = folders.get(part) ?? '';
    return join(folder, (await readdir(folder))[0] ?? '');
  };
  return { collector: await only('collector'), loki: await only('loki') };
}

/** A line as the store has it. */
export interface StoredLine {
  labels: Record<string, string>;
  time: bigint;
  text: string;
}

/** A pod of the API server whose containers write into files of the node. */
export interface FakePod {
  name: string;
  /** Writes lines as the container runtime does. */
  write: (texts: readonly string[], options?: { container?: string; tag?: 'F' | 'P' }) => Promise<void>;
  /** Writes into the file as it is. */
  writeRaw: (text: string | Buffer, options?: { container?: string }) => Promise<void>;
  /** Does what the kubelet does to a full file. */
  rotate: () => Promise<void>;
}

let clock = 0n;

/** Times are the machine's, but no two are the same: a store takes two equal lines of one time for one. */
function now(): bigint {
  const machine = BigInt(Date.now()) * 1_000_000n;
  clock = machine > clock ? machine : clock + 1n;
  return clock;
}

/** A line as the container runtime writes it. */
export function runtimeLine(text: string, { time = now(), stream = 'stdout', tag = 'F' } = {}): string {
  const seconds = new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(time % 1_000_000_000n).padStart(9, '0')}Z ${stream} ${tag} ${text}\n`;
}

/** A folder like a node's `/var/log/pods`, with the collector's own beside it. */
export class LogNode implements AsyncDisposable {
  static async make(cluster: TestCluster): Promise<LogNode> {
    return new LogNode(cluster, await mkdtemp(join(tmpdir(), 'collabeditor-logs-')));
  }

  readonly name = `node-${Math.random().toString(36).slice(2, 8)}`;
  readonly folder: string;
  readonly #cluster: TestCluster;

  private constructor(cluster: TestCluster, folder: string) {
    this.#cluster = cluster;
    this.folder = folder;
  }

  get podLogs(): string {
    return join(this.folder, 'pods');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A pod on this node with the labels of an environment's component. */
  component({ namespace, name }: LoggingEnvironment, component: string, pod: string): Promise<FakePod> {
    return this.pod(namespace, pod, {
      'app.kubernetes.io/name': component,
      'app.kubernetes.io/instance': name,
      'app.kubernetes.io/part-of': 'collabeditor',
    });
  }

  async pod(namespace: string, name: string, labels: Record<string, string>): Promise<FakePod> {
    const { client } = this.#cluster;
    await until(
      'the namespace is ready for pods',
      async () => (await client.find(SERVICE_ACCOUNT, { namespace, name: 'default' })) !== undefined,
    );
    const pod = await client.create(POD, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name, labels },
      spec: {
        nodeName: this.name,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: 'none' }],
      },
    });
    return this.files(namespace, name, pod.metadata.uid ?? '');
  }

  /** The files of a pod that the API server does not know. */
  async files(namespace: string, name: string, uid: string): Promise<FakePod> {
    const folder = join(this.podLogs, `${namespace}_${name}_${uid}`);
    const fileOf = async (container = 'main') => {
      await mkdir(join(folder, container), { recursive: true });
      return join(folder, container, '0.log');
    };
    return {
      name,
      write: async (texts, { container, tag = 'F' } = {}) =>
        appendFile(await fileOf(container), texts.map((text) => runtimeLine(text, { tag })).join('')),
      writeRaw: async (text, { container } = {}) => appendFile(await fileOf(container), text),
      rotate: async () => {
        const file = await fileOf();
        const stamp = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
        await rename(file, `${file}.${stamp}`);
        await writeFile(file, '');
      },
    };
  }
}

/** A store that runs beside others on loopback; its limits and labels are those of an environment's. */
function lokiConfig(folder: string, port: number, grpcPort: number): unknown {
  return {
    auth_enabled: false,
    server: {
      http_listen_address: '127.0.0.1',
      http_listen_port: port,
      grpc_listen_address: '127.0.0.1',
      grpc_listen_port: grpcPort,
      log_level: 'warn',
    },
    common: {
      instance_addr: '127.0.0.1',
      path_prefix: folder,
      replication_factor: 1,
      ring: { kvstore: { store: 'inmemory' } },
      storage: { filesystem: { chunks_directory: join(folder, 'chunks'), rules_directory: join(folder, 'rules') } },
    },
    // Half of it is how much older than the newest line of a pod a line may be.
    ingester: { max_chunk_age: '24h', lifecycler: { min_ready_duration: '0s', final_sleep: '0s' } },
    schema_config: {
      configs: [
        {
          from: '2024-01-01',
          store: 'tsdb',
          object_store: 'filesystem',
          schema: 'v13',
          index: { prefix: 'index_', period: '24h' },
        },
      ],
    },
    limits_config: {
      discover_service_name: [],
      discover_log_levels: false,
      otlp_config: {
        resource_attributes: {
          ignore_defaults: true,
          attributes_config: [{ action: 'index_label', attributes: ['namespace', 'instance', 'component', 'pod'] }],
        },
      },
    },
    analytics: { reporting_enabled: false },
  };
}

/** A store for one environment. */
export class LokiStore {
  static async start(program: string, folder: string): Promise<LokiStore> {
    await mkdir(folder, { recursive: true });
    const port = await freePort();
    await writeFile(join(folder, 'loki.yaml'), stringify(lokiConfig(folder, port, await freePort())));
    const store = new LokiStore(program, folder, port);
    await store.start();
    return store;
  }

  readonly port: number;
  readonly #program: string;
  readonly #folder: string;
  #running: Program | undefined;

  private constructor(program: string, folder: string, port: number) {
    this.#program = program;
    this.#folder = folder;
    this.port = port;
  }

  async start(): Promise<void> {
    this.#running = startProgram({
      name: 'loki',
      command: this.#program,
      args: [`-config.file=${join(this.#folder, 'loki.yaml')}`],
      logFile: join(this.#folder, 'loki.log'),
      stopSignal: 'SIGTERM',
    });
    await this.#running.waitUntil(async () => (await this.#get('/ready').catch(() => undefined))?.ok === true, 60_000);
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  /** How many lines were sent to it, those that it had already included. */
  async received(): Promise<number> {
    const text = await (await this.#get('/metrics')).text();
    const samples = [...text.matchAll(/^loki_distributor_lines_received_total\{.*\} (\S+)$/gm)];
    return samples.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  /** How many lines it has of a selector, however many there are. */
  async count(selector: string): Promise<number> {
    const query = new URLSearchParams({ query: `sum(count_over_time(${selector}[1h]))` });
    const response = await this.#get(`/loki/api/v1/query?${query.toString()}`);
    if (!response.ok) throw new Error(`loki answered ${response.status}: ${await response.text()}`);
    return Number(at(await response.json(), 'data', 'result', 0, 'value', 1) ?? 0);
  }

  /** All lines of a selector in the last hours, oldest first. */
  async lines(selector: string, hours = 1): Promise<StoredLine[]> {
    const lines: StoredLine[] = [];
    const page = 5000;
    let start = (BigInt(Date.now()) - BigInt(hours) * 3_600_000n) * 1_000_000n;
    const end = (BigInt(Date.now()) + 60_000n) * 1_000_000n;
    for (;;) {
      const found = await this.#query(selector, start, end, page);
      lines.push(...found);
      if (found.length < page) return lines;
      start = (found.at(-1)?.time ?? end) + 1n;
    }
  }

  async #query(selector: string, start: bigint, end: bigint, limit: number): Promise<StoredLine[]> {
    const query = new URLSearchParams({
      query: selector,
      start: String(start),
      end: String(end),
      limit: String(limit),
      direction: 'forward',
    });
    const response = await this.#get(`/loki/api/v1/query_range?${query.toString()}`);
    if (!response.ok) throw new Error(`loki answered ${response.status}: ${await response.text()}`);
    const body: unknown = await response.json();
    const data = isObject(body) ? body['data'] : undefined;
    return listAt(data, 'result')
      .flatMap((stream) => listAt(stream, 'values').map((value) => storedLine(stream, value)))
      .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  }

  #get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, { signal: AbortSignal.timeout(20_000) });
  }
}

function storedLine(stream: unknown, value: unknown): StoredLine {
  const labels = isObject(stream) && isObject(stream['stream']) ? stream['stream'] : {};
  const [time, text] = Array.isArray(value) ? value.map(String) : [];
  return {
    labels: Object.fromEntries(Object.entries(labels).map(([name, label]) => [name, String(label)])),
    time: BigInt(time ?? 0),
    text: text ?? '',
  };
}

/** The collector of a node. */
export class Collector {
  readonly settings: CollectorSettings;
  readonly configFile: string;
  readonly #program: string;
  readonly #node: LogNode;
  readonly #kubeconfig: string;
  #running: Program | undefined;

  static async prepare(
    program: string,
    from: { node: LogNode; kubeconfig: string },
    lokis: ReadonlyMap<string, number>,
    more: Partial<CollectorSettings> = {},
  ): Promise<Collector> {
    const storage = join(from.node.folder, 'storage');
    await mkdir(storage, { recursive: true });
    const [metricsPort, healthPort] = [await freePort(), await freePort()];
    return new Collector(program, from, {
      ...inCluster,
      podLogs: from.node.podLogs,
      storage,
      kubernetes: 'kubeConfig',
      host: '127.0.0.1',
      metricsPort,
      healthPort,
      lokiUrl: (environment) => `http://127.0.0.1:${lokis.get(componentName(environment)) ?? 9}/otlp`,
      ...more,
    });
  }

  private constructor(program: string, from: { node: LogNode; kubeconfig: string }, settings: CollectorSettings) {
    this.#program = program;
    this.#node = from.node;
    this.#kubeconfig = from.kubeconfig;
    this.settings = settings;
    this.configFile = join(from.node.folder, 'config.yaml');
  }

  get pid(): number {
    return this.#running?.pid ?? -1;
  }

  async configure(environments: readonly LoggingEnvironment[]): Promise<void> {
    await writeFile(this.configFile, collectorConfig(environments, this.settings));
  }

  async start(): Promise<void> {
    this.#running = startProgram({
      name: 'collector',
      command: this.#program,
      args: ['--config', this.configFile, featureGates],
      environment: { KUBECONFIG: this.#kubeconfig, [this.settings.nodeVariable]: this.#node.name },
      logFile: join(this.#node.folder, 'collector.log'),
      stopSignal: 'SIGTERM',
    });
    await this.#running.waitUntil(() => this.healthy(), 60_000);
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  /** As a lost node or the kernel's memory killer would. */
  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await this.#running?.stop();
  }

  /** Makes it read its configuration again and waits until it has. */
  async reload(): Promise<void> {
    const begun = performance.now();
    process.kill(this.pid, 'SIGHUP');
    await until('the collector has reloaded', async () => {
      const metrics = await this.metrics().catch(() => undefined);
      const uptime = metrics?.get('otelcol_process_uptime') ?? Infinity;
      return uptime < (performance.now() - begun) / 1000 && (await this.healthy());
    });
  }

  async healthy(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.settings.healthPort}/`).catch(() => undefined);
    return answer?.ok === true;
  }

  /** The collector's own metrics, by name and labels. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`http://127.0.0.1:${this.settings.metricsPort}/metrics`)).text();
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  }
}
