/**
 * Where `make up` puts the environment, in this order: the cluster of `CLUSTER=context-name`, kind where Docker runs,
 * else the single-node cluster of test/cluster.
 */
import { join } from 'node:path';
import { command, StageError } from './stages.ts';

const root = join(import.meta.dirname, '..');
export const localCluster = join(root, 'test/cluster/cluster');

type Say = (line: string) => void;

export interface Target {
  readonly description: string;
  /** Brings the cluster up where that is ours to do. */
  up(say: Say): Promise<void>;
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Builds an image from a Dockerfile of this tree and makes it known to the cluster; answers its reference there. */
  provide(image: ImageBuild, say: Say): Promise<string>;
  /** References of PostgreSQL, Redis and RabbitMQ images, where the release's can't be pulled. */
  storeImages(say: Say): Promise<Readonly<Record<string, string>>>;
  /** The same of Prometheus, Loki, Grafana and the log collector. */
  observabilityImages(say: Say): Promise<Readonly<Record<string, string>>>;
  /** Where a browser on this machine reaches the Ingress, when that is not its address. */
  localUrl(): Promise<string | undefined>;
  down(say: Say): Promise<void>;
}

export interface ImageBuild {
  readonly component: string;
  readonly dockerfile: string;
  readonly args: Readonly<Record<string, string>>;
  /** Files and folders that go into it. */
  readonly inputs: readonly string[];
  /** Hash of their content. */
  readonly tag: string;
}

export async function chooseTarget(clusterName: string): Promise<Target> {
  const context = process.env['CLUSTER'];
  if (context !== undefined && context !== '')
    return context.startsWith('kind-') ? kind(context.slice('kind-'.length), false) : existing(context);
  if ((await works(['docker', 'info'])) && (await works(['kind', 'version']))) return kind('collabeditor', true);
  if (process.platform === 'linux' && process.getuid?.() === 0) return singleNode(clusterName);
  throw new StageError(
    'no cluster to use: set CLUSTER=context-name, or install Docker and kind, or run as root on Linux (then one is started from source)',
  );
}

/** The single-node cluster of test/cluster, in a network namespace of its own. */
export function singleNode(name: string): Target {
  const cluster = (verb: string, args: readonly string[] = []): string[] => [
    localCluster,
    verb,
    '--name',
    name,
    ...args,
  ];
  return {
    description: `the single-node cluster "${name}" of test/cluster`,
    up: async (say) => {
      await command('cluster-up', cluster('up'), { say });
    },
    kubectl: (args, input) =>
      command(
        `kubectl-${args[0] ?? ''}`,
        [...cluster('exec'), '--', 'kubectl', ...args],
        input === undefined ? {} : { input },
      ),
    async provide({ component, dockerfile, args, inputs, tag }, say) {
      const reference = `localhost/collabeditor/${component}:${tag}`;
      const buildArgs = Object.entries({ BASE: 'localhost/collabeditor/node:24', ...args }).flatMap(([key, value]) => [
        '--build-arg',
        `${key}=${value}`,
      ]);
      const inputArgs = inputs.flatMap((input) => ['--input', input]);
      const argv = [
        localCluster,
        'image',
        '--context',
        root,
        '--file',
        join(root, dockerfile),
        '--tag',
        reference,
        ...buildArgs,
        ...inputArgs,
      ];
      const built = await command(`image-${component}`, argv);
      await command(`load-${component}`, [...cluster('load'), lastLine(built)], { say });
      return reference;
    },
    storeImages: (say) =>
      provideOwn(name, say, {
        postgres: 'localhost/collabeditor/postgres:17',
        redis: 'localhost/collabeditor/redis:8.0',
        rabbitmq: 'localhost/collabeditor/rabbitmq:4.0',
      }),
    observabilityImages: (say) =>
      provideOwn(name, say, {
        prometheus: 'localhost/collabeditor/prometheus:v3.16',
        loki: 'localhost/collabeditor/loki:3.7',
        grafana: 'localhost/collabeditor/grafana:stand-in',
        collector: 'localhost/collabeditor/otel-collector:0.149',
      }),
    localUrl: async () => lastLine(await command('cluster-url', cluster('url'))),
    down: async (say) => {
      await command('cluster-down', cluster('down'), { say });
    },
  };
}

/** Builds images of test/cluster and loads them into one of its clusters; answers the references that were given. */
async function provideOwn<T extends Readonly<Record<string, string>>>(
  clusterName: string,
  say: Say,
  references: T,
): Promise<T> {
  const names = Object.keys(references);
  const built = await command(`images-${names.join('-')}`, [localCluster, 'images', ...names], { say });
  const archives = built.split('\n').filter((line) => line.endsWith('.tar'));
  await command(`load-${names.join('-')}`, [localCluster, 'load', '--name', clusterName, ...archives], { say });
  return references;
}

function kind(name: string, ours: boolean): Target {
  const kubectl = withContext(`kind-${name}`);
  return {
    description: `the kind cluster "${name}"`,
    async up(say) {
      const clusters = await command('kind-get', ['kind', 'get', 'clusters']);
      if (!clusters.split('\n').includes(name))
        await command('kind-create', ['kind', 'create', 'cluster', '--name', name, '--wait', '120s'], { say });
    },
    kubectl,
    async provide(image, say) {
      const reference = await dockerBuild(image, 'localhost/collabeditor', say);
      await command(`kind-load-${image.component}`, ['kind', 'load', 'docker-image', '--name', name, reference], {
        say,
      });
      return reference;
    },
    storeImages: async () => ({}),
    observabilityImages: async () => ({}),
    localUrl: async () => undefined,
    async down(say) {
      if (ours) await command('kind-delete', ['kind', 'delete', 'cluster', '--name', name], { say });
      else await removeEnvironment(kubectl);
    },
  };
}

/** A cluster of the user's. It pulls what `REGISTRY` holds after a push; without `REGISTRY`, the released images. */
function existing(context: string): Target {
  const kubectl = withContext(context);
  const registry = process.env['REGISTRY'];
  return {
    description: `the cluster of context "${context}"`,
    up: async () => {
      await kubectl(['version', '-o', 'json']);
    },
    kubectl,
    async provide(image, say) {
      if (registry === undefined)
        throw new StageError(
          `CLUSTER=${context} needs REGISTRY=host/path that this machine may push to and the cluster may pull from`,
        );
      const reference = await dockerBuild(image, registry, say);
      await command(`push-${image.component}`, ['docker', 'push', reference], { say });
      return reference;
    },
    storeImages: async () => ({}),
    observabilityImages: async () => ({}),
    localUrl: async () => undefined,
    down: () => removeEnvironment(kubectl),
  };
}

function withContext(context: string): Target['kubectl'] {
  return (args, input) =>
    command(
      `kubectl-${args[0] ?? ''}`,
      ['kubectl', '--context', context, ...args],
      input === undefined ? {} : { input },
    );
}

async function dockerBuild(
  { component, dockerfile, args, tag }: ImageBuild,
  registry: string,
  say: Say,
): Promise<string> {
  const reference = `${registry}/${component}:${tag}`;
  const buildArgs = Object.entries(args).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
  await command(
    `docker-build-${component}`,
    ['docker', 'build', '--file', dockerfile, '--tag', reference, ...buildArgs, root],
    { say },
  );
  return reference;
}

/** In a cluster that is not ours: the resource first, with its volumes, then the log collector, the operator and the CRD. */
async function removeEnvironment(kubectl: Target['kubectl']): Promise<void> {
  await kubectl(['delete', 'namespace', 'collab', '--ignore-not-found', '--wait']);
  await kubectl(['delete', '-k', join(root, 'config/logs'), '--ignore-not-found', '--wait']);
  await kubectl(['delete', '-k', join(root, 'config/default'), '--ignore-not-found', '--wait']);
}

async function works(argv: readonly string[]): Promise<boolean> {
  try {
    await command(`probe-${argv[0] ?? ''}`, argv, { timeoutMs: 10_000 });
    return true;
  } catch {
    return false; // the question is only whether it is there
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
