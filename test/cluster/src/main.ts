import { Command } from 'commander';

import { startApiServer } from './api.ts';
import { build } from './build.ts';
import { ClusterError, messageOf } from './errors.ts';
import { parts } from './parts.ts';
import { say } from './stage.ts';

const program = new Command('cluster').description('A real single-node Kubernetes, for tests and for trying things out.');

program
  .command('build')
  .description('build the programs of the cluster that are not in the cache')
  .argument('[part...]', `of ${parts.map((part) => part.name).join(', ')}`)
  .action(async (names: string[]) => {
    await build(names.length === 0 ? parts.map((part) => part.name) : names);
  });

program
  .command('api')
  .description('run an API server without a node until standard input closes; prints {"kubeconfig", "pid"} when ready')
  .action(async () => {
    await serveApi();
  });

async function serveApi(): Promise<void> {
  const parent = process.ppid;
  const { promise: stopped, resolve: stop } = Promise.withResolvers<undefined>();
  const stopNow = (): void => {
    stop(undefined);
  };
  process.once('SIGINT', stopNow).once('SIGTERM', stopNow).once('SIGHUP', stopNow);
  process.stdin.once('end', stopNow).once('error', stopNow).resume();
  const orphaned = setInterval(() => process.ppid !== parent && stopNow(), 500);
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
