/**
 * `make up`: a running environment, from this tree, on a real Kubernetes. With `OBSERVABILITY=1` it also brings what an
 * environment with managed metrics, logs and dashboards needs: their images, and the log collector of the cluster.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyNamespace, installLogs, installOperator, provideImages, waitReady } from './deploy.ts';
import { command, createStages, runScript } from './stages.ts';
import { chooseTarget } from './targets.ts';

const namespace = 'collab';
const observability = (process.env['OBSERVABILITY'] ?? '') !== '';
const example = join(import.meta.dirname, '../examples/minimal.yaml');

await runScript(async () => {
  const stages = createStages();
  const target = await chooseTarget('dev');
  console.log(`on ${target.description}\n`);

  if (target.description.includes('test/cluster')) {
    await stages.run('Debian packages', (say) =>
      command('packages', [join(import.meta.dirname, '../test/cluster/install-packages')], { say }),
    );
  }
  await stages.run('bundles of the operator and the services', () => command('build', ['node', 'scripts/build.ts']));
  await stages.run('cluster', (say) => target.up(say));
  const images = await stages.run('images', (say) => provideImages(target, say, { observability }));
  await stages.run('CRD and operator', () => installOperator(target, images));
  if (observability) await stages.run('log collector', () => installLogs(target, images));
  const view = await stages.run('environment "team"', async (say) => {
    await applyNamespace(target, namespace);
    await target.kubectl(['-n', namespace, 'apply', '--server-side', '-f', '-'], readFileSync(example, 'utf8'));
    return waitReady(target, namespace, 'team', say);
  });

  console.log(`\n${await target.kubectl(['-n', namespace, 'get', 'collabeditors'])}`);
  const local = await target.localUrl();
  const url = local ?? view.url;
  const kubectl = local === undefined ? 'kubectl' : 'test/cluster/cluster exec -- kubectl';
  console.log(
    [
      `The environment runs at ${url}${local === undefined ? '' : `  (inside the cluster's network: ${view.url})`}`,
      '',
      'Try:',
      `  open ${url} in two browser windows, sign up in both, share a document and type`,
      `  curl -s ${url}/auth/register -H 'content-type: application/json' -d '{"email":"ann@example.com","password":"a long password"}'`,
      `  ${kubectl} -n ${namespace} get collabeditors,pods`,
      `  ${kubectl} -n ${namespace} delete deployment team-realtime-service   # it comes back`,
      ...(observability
        ? [
            `  ${kubectl} -n ${namespace} patch collabeditor team --type merge -p '{"spec":{"observability":{"metrics":{"type":"Managed"},"logs":"Managed","dashboards":"Managed"}}}'`,
          ]
        : []),
      '  make down',
    ].join('\n'),
  );
});
