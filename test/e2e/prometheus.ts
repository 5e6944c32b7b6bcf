import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { until } from './wait.ts';

/** A real Prometheus that follows the annotations on pods, as the field's usual configuration does. */
export class Prometheus implements AsyncDisposable {
  readonly #url: string;
  readonly #stop: () => Promise<void>;

  private constructor(url: string, stop: () => Promise<void>) {
    this.#url = url;
    this.#stop = stop;
  }

  static async start(program: string, namespace: string, kubeconfig: string, port: number): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'collabeditor-prometheus-'));
    writeFileSync(join(folder, 'prometheus.yaml'), stringify(configuration(namespace, kubeconfig)));
    const log = openSync(join(folder, 'log'), 'w');
    const args = [
      `--config.file=${folder}/prometheus.yaml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], { stdio: ['ignore', log, log] });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    });
    await until('Prometheus to be ready', async () =>
      (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok ? true : undefined,
    );
    return prometheus;
  }

  async query(expression: string): Promise<number[]> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    return data.result.map(({ value }) => Number(value[1]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

function configuration(namespace: string, kubeconfig: string): unknown {
  const annotation = '__meta_kubernetes_pod_annotation_prometheus_io_';
  return {
    global: { scrape_interval: '2s', scrape_timeout: '2s' },
    scrape_configs: [
      {
        job_name: 'pods',
        kubernetes_sd_configs: [
          { role: 'pod', kubeconfig_file: kubeconfig, namespaces: { names: [namespace, 'collabeditor-system'] } },
        ],
        relabel_configs: [
          { source_labels: [`${annotation}scrape`], regex: 'true', action: 'keep' },
          { source_labels: ['__meta_kubernetes_pod_phase'], regex: 'Running', action: 'keep' },
          { source_labels: [`${annotation}path`], regex: '(.+)', target_label: '__metrics_path__' },
          {
            source_labels: ['__meta_kubernetes_pod_ip', `${annotation}port`],
            regex: '(.+);(.+)',
            replacement: '$1:$2',
            target_label: '__address__',
          },
          { source_labels: ['__meta_kubernetes_pod_label_app_kubernetes_io_name'], target_label: 'component' },
        ],
      },
    ],
  };
}
