import { existsSync } from 'node:fs';

import { Command, InvalidArgumentError, Option } from 'commander';

import { startApiServer } from './api.ts';
import { build } from './build.ts';
import { run } from './command.ts';
import { ClusterError, messageOf } from './errors.ts';
import { buildImage, buildImages, imageNames } from './images.ts';
import { clusterNames, down } from './node/down.ts';
import type { Layout } from './node/layout.ts';
import { layoutOf } from './node/layout.ts';
import { logOf } from './node/processes.ts';
import { up } from './node/up.ts';
import { exec, kubeconfigOf, loadImages, statusOf, urlOf } from './node/use.ts';
import { parts } from './parts.ts';
import { say } from './stage.ts';

interface Named {
  readonly name: Layout;
}

const program = new Command('cluster')
  .description('A real single-node Kubernetes, for tests and for trying things out.')
  .enablePositionalOptions();

const named = (): Option =>
  new Option('--name <name>', 'which cluster').default(layoutOf('dev'), 'dev').argParser(layout);

program
  .command('build')
  .description('build the programs of the cluster that are not in the cache')
  .argument('[part...]', `of ${parts.map((part) => part.name).join(', ')}`)
  .action(async (names: string[]) => {
    await build(names.length === 0 ? parts.map((part) => part.name) : names);
  });

program
  .command('up')
  .description('start a cluster, or what is missing of it, and wait until everything is ready')
  .addOption(named())
  .addOption(
    new Option('--port <port>', 'port of the loopback for the Ingress controller; the next free one where it is taken')
      .default(8080)
      .argParser(port),
  )
  .action(async ({ name, port: first }: Named & { port: number }) => {
    await up(name, first);
    say(`  cluster ${name.name} is ready: ${await urlOf(name)}, KUBECONFIG=${kubeconfigOf(name, 'host')}`);
  });

program
  .command('down')
  .description('stop a cluster and remove everything of it')
  .addOption(named())
  .option('--all', 'every cluster')
  .action(async ({ name, all }: Named & { all?: true }) => {
    const names = all === true ? (await clusterNames()).map(layoutOf) : [name];
    for (const layout of names) await down(layout);
  });

program
  .command('exec')
  .description("run a command in the cluster's network, with its kubeconfig and its names")
  .addOption(named())
  .argument('<command...>', 'the command, after --')
  .passThroughOptions()
  .action(async (command: string[], { name }: Named) => {
    process.exitCode = await exec(name, command);
  });

program
  .command('load')
  .description('hand images to the cluster, but not those that it has')
  .addOption(named())
  .argument('<archive...>', 'OCI archives')
  .action(async (archives: string[], { name }: Named) => {
    const loaded = await loadImages(name, archives);
    say(`  ${loaded} loaded, ${archives.length - loaded} there already`);
  });

program
  .command('status')
  .description('tell how the cluster and each of its processes are; exit code 0 when all run')
  .addOption(named())
  .action(async ({ name }: Named) => {
    const { state, processes } = await statusOf(name);
    console.log(`${name.name}: ${state}`);
    for (const [process, pid] of Object.entries(processes)) console.log(`  ${process.padEnd(26)}${pid ?? 'ended'}`);
    if (state !== 'running') process.exitCode = 1;
  });

program
  .command('kubeconfig')
  .description("print the path of the administrator's kubeconfig")
  .addOption(named())
  .option('--inside', "the one for the cluster's own network")
  .action(({ name, inside }: Named & { inside?: true }) => {
    console.log(kubeconfigOf(name, inside === true ? 'network' : 'host'));
  });

program
  .command('url')
  .description('print where the Ingress controller is reached from this machine')
  .addOption(named())
  .action(async ({ name }: Named) => {
    console.log(await urlOf(name));
  });

program
  .command('logs')
  .description('print the log of a process of the cluster; `status` tells their names')
  .addOption(named())
  .argument('<process>')
  .action(async (name: string, { name: layout_ }: Named) => {
    const log = logOf(layout_, name);
    if (!existsSync(log)) throw new ClusterError('not-running', `no log of ${name}: ${log} is not there`);
    process.stdout.write(await run('cat', [log]));
  });

program
  .command('api')
  .description('run an API server without a node until standard input closes; prints {"kubeconfig", "pid"} when ready')
  .action(async () => {
    await serveApi();
  });

program
  .command('images')
  .description('build the images that the project stands on and print their archives')
  .argument('[image...]', `of ${imageNames.join(', ')}`)
  .action(async (names: string[]) => {
    const images = await buildImages(names.length === 0 ? imageNames : names);
    for (const { archive } of images) console.log(archive);
  });

program
  .command('image')
  .description('build an image from a Dockerfile and print its archive')
  .requiredOption('--tag <tag>', 'full name, like localhost/collabeditor/user:dev')
  .option('--file <dockerfile>', 'the Dockerfile', 'Dockerfile')
  .option('--context <folder>', 'what COPY is relative to', '.')
  .option('--build-arg <name=value>', 'build argument; may be repeated', buildArgument, {})
  .option('--input <path>', 'path in the context that the image depends on; may be repeated', append)
  .action(async (options: ImageOptions) => {
    const { file, context, tag, buildArg, input } = options;
    const inputs = input === undefined ? {} : { inputs: input };
    const { archive } = await buildImage({ dockerfile: file, context, tag, args: buildArg, ...inputs });
    console.log(archive);
  });

interface ImageOptions {
  readonly file: string;
  readonly context: string;
  readonly tag: string;
  readonly buildArg: Readonly<Record<string, string>>;
  readonly input?: readonly string[];
}

function layout(name: string): Layout {
  try {
    return layoutOf(name);
  } catch (thrown) {
    throw new InvalidArgumentError(messageOf(thrown));
  }
}

function port(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65_000) throw new InvalidArgumentError('1 to 65000');
  return number;
}

function buildArgument(text: string, known: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('NAME=VALUE');
  return { ...known, [text.slice(0, equals)]: text.slice(equals + 1) };
}

function append(text: string, known: readonly string[] = []): string[] {
  return [...known, text];
}

async function serveApi(): Promise<void> {
  const parent = process.ppid;
  const { promise: stopped, resolve: stop } = Promise.withResolvers<undefined>();
  const stopNow = (): void => {
    stop(undefined);
  };
  process.once('SIGINT', stopNow).once('SIGTERM', stopNow).once('SIGHUP', stopNow);
  process.stdin.once('end', stopNow).once('error', stopNow).resume();
  const orphaned = setInterval(() => {
    if (process.ppid !== parent) stopNow();
  }, 500);
  await using server = await startApiServer();
  process.stdout.write(`${JSON.stringify({ kubeconfig: server.kubeconfigPath, pid: server.pid })}\n`);
  await stopped;
  clearInterval(orphaned);
  process.stdin.destroy();
}

try {
  await program.parseAsync();
} catch (thrown) {
  say(`cluster: ${messageOf(thrown)}`);
  if (thrown instanceof ClusterError && thrown.log !== undefined) say(`cluster: read ${thrown.log}`);
  process.exitCode = 1;
}
