import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Release } from '../api/types.ts';
import { collectorConfig } from '../collector/config.ts';
import { componentName, ownerOfFile, type LoggingEnvironment } from '../collector/environment.ts';
import { inCluster } from '../collector/settings.ts';
import { Cache } from '../kube/cache.ts';
import type { KubeClient } from '../kube/client.ts';
import { systemClock, wait } from '../kube/clock.ts';
import { textAt } from '../kube/json.ts';
import { Reflector } from '../kube/reflector.ts';
import type { KubeObject } from '../kube/types.ts';
import { COLLAB_EDITOR } from '../reconcile/cluster.ts';
import { connect } from './connect.ts';
import type { Console } from './console.ts';
import { createLogger } from './log.ts';

export interface CollectorConfigOptions {
  /** The file to write; undefined: standard output. */
  output: string | undefined;
  /** Make the collector that runs with this file read it again after each change. */
  reload: boolean;
  /** Write once and end. */
  once: boolean;
  /** The collector's folder, where what is left of environments that are gone is removed; undefined: it stays. */
  storage: string | undefined;
  /** Bytes that may wait on a node for one environment. */
  queueBytes: number;
}

const SETTLE_MS = 2000;
const SLOW_START_MS = 30_000;

/** Writes the log collector's configuration for the environments that there are, and again whenever they change. */
export async function writeCollectorConfig(
  options: CollectorConfigOptions,
  release: Release,
  console: Console,
): Promise<void> {
  const { client } = connect(release.version);
  try {
    if (options.once) {
      const { items } = await client.list(COLLAB_EDITOR, {}, console.signal);
      await put(configOf(environmentsOf(items), options), options.output, console);
    } else {
      await follow(client, options, console);
    }
  } finally {
    await client.close();
  }
}

/**
 * Follows the environments until the process is asked to end. While the API server is away nothing is written: the collector
 * goes on with what it has.
 */
async function follow(client: KubeClient, options: CollectorConfigOptions, console: Console): Promise<void> {
  const { signal } = console;
  const log = createLogger('info', console.err);
  const cache = new Cache();
  const reflector = new Reflector({
    client,
    type: COLLAB_EDITOR,
    cache,
    trim: onlyWhatIsRead,
    onEvent: (event) => {
      if (event.type === 'failed')
        log.warn({ event: 'watch_failed', reason: event.error.message }, 'The environments cannot be watched');
    },
  });
  const stopped = aborted(signal);
  let changed = Promise.withResolvers<undefined>();
  cache.onChange(() => changed.resolve(undefined));
  const running = reflector.run(signal);
  let filled = false;
  // Also keeps the process alive between two tries.
  const slow = setInterval(() => {
    if (!filled)
      log.error({ event: 'environments_unknown' }, 'The environments are not known yet: is the API server away?');
  }, SLOW_START_MS);
  try {
    await Promise.race([reflector.synced, stopped]);
    filled = true;
    while (!signal.aborted) {
      changed = Promise.withResolvers<undefined>();
      await publish(environmentsOf(cache.all()), options, { console, log });
      await Promise.race([changed.promise, stopped]);
      // A reload begins everything anew, so changes that come together make one.
      await wait(systemClock, SETTLE_MS, signal);
    }
    await running;
  } finally {
    clearInterval(slow);
  }
}

async function publish(
  environments: readonly LoggingEnvironment[],
  options: CollectorConfigOptions,
  { console, log }: { console: Console; log: Logger },
): Promise<void> {
  const { output, reload } = options;
  const text = configOf(environments, options);
  const before = output === undefined ? undefined : await readFile(output, 'utf8').catch(() => undefined);
  await removeOthers(environments, options);
  if (before === text) return;
  await put(text, output, console);
  log.info({ event: 'collector_config_written', output }, 'The configuration of the collector is written');
  if (!reload || output === undefined) return;
  const collectors = await processesWith(output);
  for (const pid of collectors) process.kill(pid, 'SIGHUP');
  // None runs at the first start, and none while it is being restarted: it reads the file then.
  if (collectors.length > 0) log.info({ event: 'collector_reloaded' }, 'The collector reads its configuration again');
}

/** Checkpoints and waiting lines of an environment end with it: its store is gone, and its lines are nobody else's. */
async function removeOthers(
  environments: readonly LoggingEnvironment[],
  { storage }: CollectorConfigOptions,
): Promise<void> {
  if (storage === undefined) return;
  const owners = new Set(environments.map(componentName));
  for (const file of await readdir(storage)) {
    const owner = ownerOfFile(file);
    if (owner !== undefined && !owners.has(owner)) await rm(join(storage, file), { force: true });
  }
}

function configOf(environments: readonly LoggingEnvironment[], { queueBytes }: CollectorConfigOptions): string {
  return collectorConfig(environments, { ...inCluster, queueBytes });
}

function environmentsOf(resources: readonly KubeObject[]): LoggingEnvironment[] {
  return resources.flatMap(loggingEnvironment);
}

function loggingEnvironment(resource: KubeObject): LoggingEnvironment[] {
  const { namespace, name } = resource.metadata;
  const managed = textAt(resource, 'spec', 'observability', 'logs') === 'Managed';
  return managed && namespace !== undefined ? [{ namespace, name }] : [];
}

function onlyWhatIsRead({ apiVersion, kind, metadata, ...rest }: KubeObject): KubeObject {
  const { namespace = '', name, uid = '', resourceVersion = '' } = metadata;
  const logs = textAt(rest, 'spec', 'observability', 'logs') ?? '';
  return { apiVersion, kind, metadata: { namespace, name, uid, resourceVersion }, spec: { observability: { logs } } };
}

/** The file is whole at any moment: whoever opens it reads the old one or the new one. */
async function put(text: string, output: string | undefined, console: Console): Promise<void> {
  if (output === undefined) {
    console.out(text);
    return;
  }
  await writeFile(`${output}.new`, text);
  await rename(`${output}.new`, output);
}

/** Processes that were started with `--config <file>`, in whatever container that shares its processes with this one. */
async function processesWith(file: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const args = command.split('\0');
      const named = args.includes(`--config=${file}`) || args[args.indexOf('--config') + 1] === file;
      return named && pid !== process.pid ? [pid] : [];
    }),
  );
  return found.flat();
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
