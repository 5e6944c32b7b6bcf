import { stringify } from 'yaml';
import { durationSeconds } from '../api/duration.ts';
import { quantityValue } from '../api/quantity.ts';
import { environmentRules } from '../observability/rules/index.ts';
import { environmentLabels } from './labels.ts';
import { namespaceOf, telemetryName } from './names.ts';
import { ownJobs, targetLabels } from './scrape.ts';
import type { ScrapeJob } from './scrape.ts';
import {
  isManaged,
  telemetryChild,
  telemetryConfigMap,
  telemetryPods,
  telemetryService,
  telemetryUrl,
} from './telemetry.ts';
import type { DesiredInput, Manifest } from './types.ts';
import { volumeFields, volumeOf } from './volumes.ts';

const configPath = '/etc/prometheus';
const dataPath = '/prometheus';

/** User `nobody` of the official image. */
const uid = 65534;

/** A Prometheus for the environment alone; nothing unless metrics are Managed. */
export function prometheus(input: DesiredInput): Manifest[] {
  if (!isManaged(input.resource.spec, 'prometheus')) return [];
  const files = { 'prometheus.yml': configuration(input), 'rules.yml': rules(input) };
  return [
    ...permissions(input),
    telemetryConfigMap(input, 'prometheus', files),
    telemetryService(input, 'prometheus'),
    statefulSet(input),
  ];
}

/** It looks for pods, in its own namespace, and for nothing else. */
function permissions(input: DesiredInput): Manifest[] {
  const name = telemetryName(input.resource, 'prometheus');
  const group = 'rbac.authorization.k8s.io';
  return [
    telemetryChild(input, 'prometheus', [`${group}/v1`, 'Role'], {
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }],
    }),
    telemetryChild(input, 'prometheus', [`${group}/v1`, 'RoleBinding'], {
      roleRef: { apiGroup: group, kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: namespaceOf(input.resource) }],
    }),
  ];
}

function statefulSet(input: DesiredInput): Manifest {
  const { resource } = input;
  const pods = telemetryPods(input, {
    program: 'prometheus',
    uid,
    command: ['prometheus', ...flags(input)],
    portName: 'telemetry',
    ready: '/-/ready',
    alive: '/-/healthy',
    gracePeriodSeconds: 60,
    mounts: [
      { name: 'data', mountPath: dataPath },
      { name: 'config', mountPath: configPath, readOnly: true },
    ],
    volumes: [{ name: 'config', configMap: { name: telemetryName(resource, 'prometheus') } }],
    token: true,
  });
  return telemetryChild(input, 'prometheus', ['apps/v1', 'StatefulSet'], {
    spec: {
      serviceName: telemetryName(resource, 'prometheus'),
      replicas: 1,
      podManagementPolicy: 'Parallel',
      ...pods,
      ...volumeFields(input, 'prometheus', 'monitoring'),
    },
  });
}

/** Retention by flags, not in the file: releases before 3.10 know no other way. */
function flags(input: DesiredInput): string[] {
  const seconds = Math.round(durationSeconds(input.resource.spec.observability.retention.metrics));
  // Blocks that are being compacted are there twice, so a fifth of the volume stays free.
  const bytes = Math.floor(quantityValue(volumeOf(input, 'prometheus').storage) * 0.8);
  return [
    `--config.file=${configPath}/prometheus.yml`,
    // Rules come with the operator: a newer one must restart no pod.
    '--config.auto-reload',
    `--storage.tsdb.path=${dataPath}`,
    `--storage.tsdb.retention.time=${seconds}s`,
    `--storage.tsdb.retention.size=${bytes}B`,
    `--web.external-url=${telemetryUrl(input, 'prometheus')}`,
    '--log.level=warn',
    '--log.format=json',
  ];
}

function configuration(input: DesiredInput): string {
  const { alertmanagerURL } = input.resource.spec.observability.metrics;
  return yaml({
    global: { scrape_interval: '15s', scrape_timeout: '10s', evaluation_interval: '15s' },
    rule_files: [`${configPath}/rules.yml`],
    ...(alertmanagerURL === undefined ? {} : { alerting: { alertmanagers: [alertmanager(alertmanagerURL)] } }),
    scrape_configs: ownJobs(input).map((job) => scrapeConfig(input, job)),
  });
}

function alertmanager(address: string) {
  const { protocol, host, pathname } = new URL(address);
  return { scheme: protocol.slice(0, -1), path_prefix: pathname, static_configs: [{ targets: [host] }] };
}

function scrapeConfig({ resource }: DesiredInput, job: ScrapeJob) {
  const label = Object.entries(environmentLabels(resource))
    .map((pair) => pair.join('='))
    .join();
  return {
    job_name: job.name,
    metrics_path: job.path,
    ...(job.params === undefined ? {} : { params: job.params }),
    kubernetes_sd_configs: [
      {
        role: 'pod',
        namespaces: { names: [namespaceOf(resource)] },
        selectors: [{ role: 'pod', label }],
      },
    ],
    relabel_configs: [
      {
        source_labels: ['__meta_kubernetes_pod_container_port_name', '__meta_kubernetes_pod_phase'],
        regex: `${job.port};Running`,
        action: 'keep',
      },
      ...targetLabels(job),
    ],
    ...(job.relabelSeries === undefined ? {} : { metric_relabel_configs: job.relabelSeries }),
  };
}

function rules({ resource }: DesiredInput): string {
  return yaml({
    groups: environmentRules({ namespace: namespaceOf(resource), environment: resource.metadata.name }),
  });
}

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
