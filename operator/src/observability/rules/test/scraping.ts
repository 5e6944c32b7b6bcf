import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse, stringify } from 'yaml';
import { build } from '../../../../../test/cluster/src/build.ts';
import { eventually } from '../../../../../test/harness/eventually.ts';
import { freePort, startProgram } from '../../../../../test/harness/programs.ts';

export const configuration = join(import.meta.dirname, '../../../../../config/prometheus');

/** What Kubernetes tells of one port of a pod, without `__meta_kubernetes_`. */
export type Discovered = Readonly<Record<string, string>>;

export type Labels = Readonly<Record<string, string>>;

const ScrapeFile = Type.Object({
  scrape_configs: Type.Array(
    Type.Object({ job_name: Type.String(), kubernetes_sd_configs: Type.Array(Type.Unknown()) }),
  ),
});
const Series = Type.Object({ data: Type.Array(Type.Record(Type.String(), Type.String())) });

/** But what Prometheus adds of each scrape. */
const everyMetric = encodeURIComponent('{__name__=~".+", __name__!~"scrape_.*"}');

/**
 * The series that a real Prometheus has after it scraped `pods` by `scrape.yaml`. Their metrics are `pages` by path, the same for
 * each pod; only the discovery is replaced.
 */
export async function scraped(
  pods: (port: number) => readonly Discovered[],
  pages: Readonly<Record<string, string>>,
  isComplete: (series: readonly Labels[]) => boolean,
): Promise<readonly Labels[]> {
  const folder = mkdtempSync(join(tmpdir(), 'collabeditor-scrape-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const exporter = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(pages[request.url ?? ''] ?? '');
  });
  const port = await freePort();
  await new Promise<void>((resolve) => exporter.listen(port, '127.0.0.1', resolve));
  stack.defer(() => {
    exporter.close();
    exporter.closeAllConnections();
  });

  const web = await freePort();
  writeFileSync(join(folder, 'prometheus.yml'), withPods(pods(port), port));
  const programs = (await build(['prometheus'], { quiet: true })).get('prometheus') ?? '';
  const prometheus = startProgram({
    name: 'prometheus',
    command: join(programs, 'prometheus'),
    args: [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${web}`,
    ],
    logFile: join(folder, 'log'),
    stopSignal: 'SIGTERM',
  });
  stack.defer(() => prometheus.stop());
  await prometheus.waitUntil(() => isReady(`http://127.0.0.1:${web}/-/ready`), 60_000);
  return await eventually(async () => {
    const answer = await fetch(`http://127.0.0.1:${web}/api/v1/series?match[]=${everyMetric}`);
    const { data } = Value.Parse(Series, await answer.json());
    if (!isComplete(data)) throw new Error(`not yet: ${JSON.stringify(data)}`);
    return data;
  }, 60_000);
}

/** The scrape configuration with the pods in the place of the discovery. Jobs that ask one namespace get that one's pods. */
function withPods(pods: readonly Discovered[], port: number): string {
  const file: unknown = parse(readFileSync(join(configuration, 'scrape.yaml'), 'utf8'));
  const { scrape_configs: jobs } = Value.Parse(ScrapeFile, file);
  return stringify({
    global: { scrape_interval: '1s' },
    scrape_configs: jobs.map(({ kubernetes_sd_configs: discovery, ...job }) => ({
      ...job,
      static_configs: pods
        .filter((pod) => isAsked(discovery, pod['namespace'] ?? ''))
        .map((pod) => ({ targets: [`127.0.0.1:${port}`], labels: meta(pod) })),
    })),
  });
}

function isAsked(discovery: readonly unknown[], namespace: string): boolean {
  const text = JSON.stringify(discovery);
  return !text.includes('namespaces') || text.includes(`"${namespace}"`);
}

function meta(pod: Discovered): Record<string, string> {
  return Object.fromEntries(Object.entries(pod).map(([name, value]) => [`__meta_kubernetes_${name}`, value]));
}

async function isReady(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}
