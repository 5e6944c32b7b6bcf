import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { build } from '../../../../test/cluster/src/build.ts';
import { environmentRules, operatorRules } from './index.ts';
import { type Case } from './test/case.ts';
import { cases } from './test/cases.ts';
import { environment } from './test/healthy.ts';
import { Promtool } from './test/promtool.ts';
import { configuration, type Discovered, scraped } from './test/scraping.ts';
import { elsewhere, here } from './test/series.ts';

const all = [...environmentRules('all'), ...operatorRules()];

/** First appearance of each alert in each severity. */
const firstFirings = [
  ...new Map(
    cases
      .flatMap((one) =>
        Object.entries(one.firing).flatMap(([minute, alerts]) =>
          alerts.map(({ alertname, severity }) => ({ one, minute: Number(minute), alertname, severity })),
        ),
      )
      .toReversed()
      .map((firing) => [`${firing.alertname}/${firing.severity}`, firing] as const),
  ),
];

describe('rules in Prometheus', () => {
  let promtool: Promtool;
  beforeAll(async () => {
    promtool = await Promtool.have();
  }, 900_000);
  afterAll(() => promtool[Symbol.dispose]());

  it.each(cases)('[RU1, RU2] $name', async (one) => {
    expect(await promtool.play(all, one)).toEqual({ ok: true, said: expect.stringContaining('SUCCESS') });
  });

  it('[RU3] Prometheus takes the rules of all environments, of one, and the committed ones', async () => {
    for (const groups of [all, environmentRules(here)]) {
      expect(await promtool.check(groups)).toEqual({ ok: true, said: expect.stringContaining('SUCCESS') });
    }
    expect(await promtool.checkFile(join(configuration, 'rules.yaml'))).toMatchObject({ ok: true });
  });

  const ofEnvironments = cases.filter(({ series, firing }) => {
    const severities = Object.values(firing).flat();
    return Object.keys(series).length > 0 && severities.length > 0 && Math.max(...Object.keys(firing).map(Number)) < 60;
  });

  it.each(ofEnvironments)('[RU4] rules of another environment are silent: $name', async (one) => {
    // What happens here is also in the records of a Prometheus that has the rules of both environments.
    const groups = [
      ...environmentRules(elsewhere).map((group) => ({ ...group, name: `${group.name}-elsewhere` })),
      ...environmentRules(here).map((group) => ({ ...group, rules: group.rules.filter((rule) => 'record' in rule) })),
    ];
    const silent: Case = {
      ...one,
      series: { ...environment(60, elsewhere), ...one.series },
      firing: Object.fromEntries(Object.keys(one.firing).map((minute) => [minute, []])),
    };
    expect(await promtool.play(groups, silent)).toEqual({ ok: true, said: expect.stringContaining('SUCCESS') });
  });

  it('[RU4] rules of one environment fire for it', async () => {
    for (const one of cases.filter(({ name }) => /^(service|store|outbox|volume): .*(away|fills|gone)/.test(name))) {
      const groups = [...environmentRules(here), ...operatorRules()];
      expect(await promtool.play(groups, one)).toEqual({ ok: true, said: expect.stringContaining('SUCCESS') });
    }
  });

  it.each(firstFirings)('[RU7] %s fills in what it tells', async (_, { one, alertname, minute }) => {
    const text = (await promtool.text(all, one, alertname, minute)) ?? '';
    expect(text).toContain('Start with: kubectl');
    expect(text).not.toMatch(/<error|<no value>|\{\{|%!|NaN|\+Inf/);
    expect(text).not.toMatch(/ -n {2}| of the {2}/);
    if (!alertname.startsWith('CollabOperator')) expect(text).toMatch(/docs\/(team|other)/);
  });
});

describe('config/prometheus', () => {
  it('[RU9] kustomize builds what prometheus-operator takes', async () => {
    const programs = (await build(['kubernetes'], { quiet: true })).get('kubernetes') ?? '';
    const objects = parseAllDocuments(await output(join(programs, 'kubectl'), 'kustomize', configuration)).map(
      (document) => document.toJS() as unknown,
    );
    expect(objects).toEqual([
      expect.objectContaining({
        kind: 'PodMonitor',
        metadata: expect.objectContaining({ name: 'collabeditor-operator', namespace: 'collabeditor-system' }),
      }),
      expect.objectContaining({ kind: 'PrometheusRule', spec: { groups: operatorRules() } }),
    ]);
  }, 900_000);

  it('[RU10] a Prometheus labels and keeps what it scrapes', async () => {
    const series = await scraped(pods, pages, (found) => jobs.every((job) => found.some((one) => one['job'] === job)));
    const of = (component: string, pod: string) => ({ ...here, component, pod: `team-${pod}` });
    const system = (component: string) => ({
      component,
      namespace: component === 'operator' ? 'collabeditor-system' : 'collabeditor-logs',
      pod: `collabeditor-${component}-1`,
    });
    const named = (wanted: string) =>
      series.flatMap(({ __name__: name, instance: _, ...labels }) => (name === wanted ? [labels] : []));
    const targets = [
      { job: jobs[0], ...of('user-service', 'user-service-1') },
      { job: jobs[0], ...of('realtime-service', 'realtime-service-1') },
      { job: jobs[1], ...of('rabbitmq', 'rabbitmq-0') },
      { job: jobs[2], ...of('rabbitmq', 'rabbitmq-0') },
      { job: jobs[3], ...system('operator') },
      { job: jobs[4], ...system('collector') },
    ];
    expect(named('up')).toHaveLength(targets.length);
    expect(named('up')).toEqual(expect.arrayContaining(targets));
    // The operator's word for the namespace of a resource stands.
    const conditions = named('collabeditor_condition').filter(({ component }) => component === 'operator');
    expect(conditions).toEqual([{ job: jobs[3], ...system('operator'), namespace: here.namespace, name: 'team' }]);
    const ofRabbitmq = series.filter(({ component, __name__: name }) => component === 'rabbitmq' && name !== 'up');
    expect(ofRabbitmq.map(({ __name__: name, queue }) => [name, queue]).sort()).toEqual([
      ['rabbitmq_detailed_queue_messages', 'notifications.dead'],
      ['rabbitmq_disk_space_available_bytes', undefined],
    ]);
  }, 900_000);
});

const jobs = ['environments', 'rabbitmq', 'queues', 'operator', 'collector'].map((job) => `collabeditor-${job}`);

/** Every pod answers all of it; which pod and which page is asked decides what is kept. */
const pages = {
  '/metrics': [
    'rabbitmq_disk_space_available_bytes 1',
    'rabbitmq_raft_entry_commit_latency_seconds 1',
    'collabeditor_condition{namespace="docs",name="team"} 1',
    '',
  ].join('\n'),
  '/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count': [
    'rabbitmq_detailed_queue_messages{queue="notifications.dead"} 1',
    'rabbitmq_detailed_queue_messages{queue="realtime.0b7e"} 1',
    'rabbitmq_detailed_queue_process_reductions_total{queue="notifications.dead"} 1',
    '',
  ].join('\n'),
};

/** Pods of an environment, the operator and the collector, once a port as Kubernetes tells them, and pods that are not ours. */
function pods(port: number): readonly Discovered[] {
  const annotated = { pod_annotation_prometheus_io_scrape: 'true', pod_annotation_prometheus_io_path: '/metrics' };
  const child = (name: string, pod: string, ports: Readonly<Record<string, string>>): Discovered[] =>
    Object.entries(ports).map(([portName, number]) => ({
      ...annotated,
      pod_annotation_prometheus_io_port: String(port),
      namespace: here.namespace,
      pod_name: pod,
      pod_ip: '127.0.0.1',
      pod_phase: 'Running',
      pod_container_port_name: portName,
      pod_container_port_number: number,
      pod_label_app_kubernetes_io_name: name,
      pod_label_app_kubernetes_io_instance: here.environment,
      pod_label_app_kubernetes_io_part_of: 'collabeditor',
      pod_label_app_kubernetes_io_managed_by: 'collabeditor-operator',
    }));
  const web = { http: '8080', internal: '8081', telemetry: '9090' };
  const [stranger = {}] = child('user-service', 'stranger', { telemetry: '9090' });
  const system = (name: string, namespace: string, ports: Readonly<Record<string, string>>): Discovered[] =>
    child(name, `${name}-1`, ports).map((pod) => ({ ...pod, namespace, pod_label_app_kubernetes_io_managed_by: '' }));
  return [
    ...child('user-service', 'team-user-service-1', web),
    ...child('realtime-service', 'team-realtime-service-1', web),
    ...child('rabbitmq', 'team-rabbitmq-0', { amqp: '5672', management: '15672', prometheus: '15692' }),
    ...child('postgres', 'team-postgres-0', { postgres: '5432' }).map((pod) => ({
      ...pod,
      pod_annotation_prometheus_io_scrape: '',
    })),
    { ...stranger, pod_label_app_kubernetes_io_managed_by: 'Helm' },
    { ...stranger, pod_phase: 'Succeeded' },
    ...system('collabeditor-operator', 'collabeditor-system', { telemetry: '9090', health: '8081' }),
    ...system('collabeditor-collector', 'collabeditor-logs', { telemetry: '8888', health: '13133' }),
  ];
}

async function output(program: string, ...args: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  execFile(program, args, (error, out) => (error ? reject(new Error(error.message)) : resolve(out)));
  return promise;
}
