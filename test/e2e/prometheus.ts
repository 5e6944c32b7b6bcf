import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { PrometheusApi } from './telemetry.ts';
import { until } from './wait.ts';

const settings = join(import.meta.dirname, '../../config/prometheus');

/** A real Prometheus beside the cluster, as a user has one already: with the scrape configuration and rules of `config/prometheus`. */
export class Prometheus extends PrometheusApi implements AsyncDisposable {
  readonly #stop: () => Promise<void>;

  private constructor(url: string, stop: () => Promise<void>) {
    super(url);
    this.#stop = stop;
  }

  static async start(
    program: string,
    kubeconfig: string,
    { port, scrapeInterval }: { readonly port: number; readonly scrapeInterval: string },
  ): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'collabeditor-prometheus-'));
    writeFileSync(join(folder, 'prometheus.yaml'), stringify(configuration(kubeconfig, scrapeInterval)));
    const log = openSync(join(folder, 'log'), 'w');
    const args = [
      `--config.file=${folder}/prometheus.yaml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], { stdio: ['ignore', log, log] });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const url = `http://127.0.0.1:${port}`;
    const prometheus = new Prometheus(url, async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    });
    await until('Prometheus to be ready', async () => ((await fetch(`${url}/-/ready`)).ok ? true : undefined));
    return prometheus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

interface ScrapeFile {
  readonly scrape_configs: readonly { readonly kubernetes_sd_configs: readonly object[] }[];
}

/** The published scrape configuration; being outside of the cluster, it is told where the API server is. */
function configuration(kubeconfig: string, scrapeInterval: string): unknown {
  const { scrape_configs } = parse(readFileSync(join(settings, 'scrape.yaml'), 'utf8')) as ScrapeFile;
  return {
    global: { scrape_interval: scrapeInterval, scrape_timeout: scrapeInterval },
    rule_files: [join(settings, 'rules.yaml')],
    scrape_configs: scrape_configs.map((job) => ({
      ...job,
      kubernetes_sd_configs: job.kubernetes_sd_configs.map((discovery) => ({
        ...discovery,
        kubeconfig_file: kubeconfig,
      })),
    })),
  };
}
