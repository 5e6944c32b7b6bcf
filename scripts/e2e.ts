/**
 * The scenario on a real node: a cluster of its own, this tree's images, the operator; then the tests of test/e2e inside
 * the cluster's network. `--keep` leaves the cluster for a look (`test/cluster/cluster exec --name scenario -- kubectl …`).
 */
import { applyNamespace, installLogs, installOperator, provideImages } from './deploy.ts';
import { command, createStages, runScript } from './stages.ts';
import { localCluster, singleNode } from './targets.ts';

const name = 'scenario';

await runScript(async () => {
  const [...rest] = process.argv.slice(2);
  const keep = rest.includes('--keep');
  const jestArguments = rest.filter((argument) => argument !== '--keep');
  const stages = createStages();
  const target = singleNode(name);
  try {
    await stages.run('bundles', () => command('build', ['node', 'scripts/build.ts']));
    // What an earlier run kept, or left in a crash, is not what this one is about.
    await target.down(() => undefined);
    await stages.run('cluster', (say) => target.up(say));
    const images = await stages.run('images', (say) => provideImages(target, say, { observability: true }));
    await stages.run('operator', () => installOperator(target, images));
    await stages.run('log collector', () => installLogs(target, images));
    await applyNamespace(target, name);
    const run = [
      localCluster,
      'exec',
      '--name',
      name,
      '--',
      'npm',
      'run',
      '--silent',
      'test:e2e',
      '--',
      ...jestArguments,
    ];
    await stages.run('scenario', (say) =>
      command('scenario', run, { say: (line) => line.startsWith('{"') || say(line) }),
    );
  } finally {
    if (!keep) await stages.run('cluster down', (say) => target.down(say));
  }
});
