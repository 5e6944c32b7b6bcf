import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import operatorPackage from '../../package.json' with { type: 'json' };
import { crdYaml } from '../api/crd.ts';
import { quantityValue } from '../api/quantity.ts';
import { releaseFrom } from '../api/release.ts';
import { inCluster } from '../collector/settings.ts';
import type { Address } from './address.ts';
import { parseAddress } from './address.ts';
import { writeCollectorConfig } from './collector-config.ts';
import type { Console } from './console.ts';
import { ConfigurationError, EXIT } from './exit.ts';
import { plan } from './plan.ts';
import { render } from './render.ts';
import { run } from './run.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** Runs one command and returns the exit code. */
export async function runCommandLine(args: string[], console: Console): Promise<number> {
  let code: number = EXIT.done;
  const program = createProgram(console, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (error instanceof ConfigurationError) {
      console.err(`The configuration can't be used:\n${error.problems.map((problem) => `  ${problem}\n`).join('')}`);
      return EXIT.configuration;
    }
    console.err(`${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.failed;
  }
}

function createProgram(console: Console, exit: (code: number) => void): Command {
  const release = releaseFrom(console.env, operatorPackage.version);
  const program = new Command('collabeditor-operator')
    .description('Runs collaborative editing environments on Kubernetes: one CollabEditor resource, one environment.')
    .exitOverride()
    .configureOutput({ writeOut: console.out, writeErr: console.err })
    .showHelpAfterError();
  addRun(program, async (options) => exit((await run(options, release, console)) ? EXIT.done : EXIT.failed));
  program
    .command('render')
    .description('print the manifests that the operator would apply, without a cluster')
    .requiredOption('-f, --file <file>', 'file with CollabEditor resources, - for standard input')
    .option(
      '--api-versions <versions...>',
      'optional APIs of the cluster, such as monitoring.coreos.com/v1',
      collect,
      [],
    )
    .action(({ file, apiVersions }: { file: string; apiVersions: string[] }) =>
      render({ file, apiVersions }, release, console),
    );
  program
    .command('plan')
    .description('print what a reconcile would change; exit code 2 when there is a difference')
    .argument('<name>', 'name of the CollabEditor')
    .option('-n, --namespace <namespace>', 'its namespace (default: that of the kubeconfig)')
    .action(async (name: string, { namespace }: { namespace?: string }) => {
      exit((await plan({ name, namespace }, release, console)) ? EXIT.differences : EXIT.done);
    });
  addCollectorConfig(program, (options) => writeCollectorConfig(options, release, console));
  program
    .command('crd')
    .description('print the CustomResourceDefinition')
    .action(() => console.out(crdYaml()));
  program
    .command('version')
    .description('print the version')
    .action(() => console.out(`${release.version}\n`));
  return program;
}

interface RunFlags {
  namespace: string[];
  leaderElect: boolean;
  metricsAddress: Address;
  healthAddress: Address;
  logLevel: string;
}

function addRun(program: Command, action: (options: Parameters<typeof run>[0]) => Promise<void>): void {
  program
    .command('run')
    .description('run the operator')
    .option('--namespace <namespace>', 'watch this namespace only; may be repeated', collect, [])
    .option('--leader-elect', 'work only while holding the lease, so that several replicas can run', false)
    .addOption(addressOption('--metrics-address <address>', 'address of /metrics', ':9090'))
    .addOption(addressOption('--health-address <address>', 'address of /healthz and /readyz', ':8081'))
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(LOG_LEVELS).default('info'))
    .action(async ({ namespace, ...rest }: RunFlags) => action({ namespaces: namespace, ...rest }));
}

interface CollectorConfigFlags {
  output?: string;
  storage?: string;
  reload: boolean;
  once: boolean;
  queueSize?: number;
}

function addCollectorConfig(
  program: Command,
  action: (options: Parameters<typeof writeCollectorConfig>[0]) => Promise<void>,
): void {
  const command = program
    .command('collector-config')
    .description('write the configuration of the log collector, and again whenever environments come and go')
    .option('--output <file>', 'file to write (default: standard output)')
    .option('--reload', 'make the collector that runs with this file read it again', false)
    .option('--storage <folder>', 'folder of the collector; what it holds of environments that are gone is removed')
    .option('--once', 'write once and end', false)
    .option('--queue-size <size>', 'what may wait on a node for one environment (default: 128Mi)', queueSize)
    .action(
      async ({ output, storage, reload, once, queueSize: queueBytes = inCluster.queueBytes }: CollectorConfigFlags) => {
        if (output === undefined && !once) command.error('error: without --once the option --output is needed');
        await action({ output, storage, reload, once, queueBytes });
      },
    );
}

function addressOption(flags: string, description: string, standard: string): Option {
  const parse = (value: string): Address => {
    const address = parseAddress(value);
    if (address === undefined) throw new InvalidArgumentError('It must be host:port or :port.');
    return address;
  };
  return new Option(flags, description).argParser(parse).default(parse(standard), standard);
}

function queueSize(value: string): number {
  const bytes = quantityValue(value);
  // The collector refuses a queue that can't hold one batch.
  if (!Number.isSafeInteger(bytes) || bytes < 2 ** 20) throw new InvalidArgumentError('It must be 1Mi or more.');
  return bytes;
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, ...value.split(',').filter((part) => part !== '')];
}
