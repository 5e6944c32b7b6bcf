/** What Prometheus reads of an environment's pods, once for its own configuration file and once for a PodMonitor. */
import { serviceNames } from '../api/types.ts';
import type { DesiredInput } from './types.ts';

/** Metrics that are kept of a broker, which has thousands: those that dashboards and alerts ask for. `config/prometheus` has the same list. */
export const brokerMetrics =
  'rabbitmq_(alarms_(free_disk_space|memory_used)_watermark|channels|connections|disk_space_available(_limit)?_bytes|global_messages_(acknowledged|confirmed|delivered|received)_total|process_resident_memory_bytes|resident_memory_limit_bytes|queue_messages(_ready|_unacked)?)';

/** Metrics of its queues, one by one. */
export const queueMetrics = 'rabbitmq_detailed_queue_(messages|messages_ready|messages_unacked|consumers)';

/** Prometheus and Loki tell a thousand things of themselves. */
const telemetryMetrics =
  'process_(cpu_seconds_total|resident_memory_bytes|start_time_seconds)|prometheus_(build_info|config_last_reload_successful|notifications_dropped_total|rule_evaluation_failures_total|rule_evaluations_total|tsdb_head_series|tsdb_storage_blocks_bytes|tsdb_wal_storage_size_bytes)|loki_(build_info|discarded_samples_total|distributor_lines_received_total|ingester_memory_streams|ingester_wal_disk_full_failures_total)';

/** One endpoint of some components' pods. */
export interface ScrapeJob {
  name: string;
  /** Name of the container's port. */
  port: 'telemetry' | 'prometheus';
  /** Regular expression of the components. */
  components: string;
  path: string;
  params?: Readonly<Record<string, readonly string[]>>;
  /** Changes of the series, in Prometheus' words. */
  relabelSeries?: readonly Relabel[];
}

/** A step of relabelling, as Prometheus' configuration has it. */
export interface Relabel {
  source_labels?: readonly string[];
  regex?: string;
  target_label?: string;
  replacement?: string;
  action?: 'keep' | 'drop' | 'replace';
}

const keep = (names: string): Relabel => ({ source_labels: ['__name__'], regex: names, action: 'keep' });

const services: ScrapeJob = {
  name: 'services',
  port: 'telemetry',
  components: `(${serviceNames.join('|')})-service`,
  path: '/metrics',
};

const broker: ScrapeJob = {
  name: 'rabbitmq',
  port: 'prometheus',
  components: 'rabbitmq',
  path: '/metrics',
  relabelSeries: [keep(brokerMetrics)],
};

const queues: ScrapeJob = {
  name: 'queues',
  port: 'prometheus',
  components: 'rabbitmq',
  path: '/metrics/detailed',
  params: { family: ['queue_coarse_metrics', 'queue_consumer_count'] },
  // One queue for each realtime replica that ever was.
  relabelSeries: [keep(queueMetrics), { source_labels: ['queue'], regex: 'realtime\\..*', action: 'drop' }],
};

const telemetry: ScrapeJob = {
  name: 'telemetry',
  port: 'telemetry',
  components: 'prometheus|loki',
  path: '/metrics',
  relabelSeries: [keep(telemetryMetrics)],
};

/** What any Prometheus may read. */
export function environmentJobs({ resource }: DesiredInput): ScrapeJob[] {
  return resource.spec.rabbitmq.managed === undefined ? [services] : [services, broker, queues];
}

/** What the environment's own Prometheus reads: also itself and Loki, which let nobody else in. */
export function ownJobs(input: DesiredInput): ScrapeJob[] {
  return [...environmentJobs(input), telemetry];
}

const podLabel = (name: string) => `__meta_kubernetes_pod_label_app_kubernetes_io_${name}`;

/** Leaves the components of the job and gives the labels that every rule and dashboard relies on. */
export function targetLabels({ components }: ScrapeJob): Relabel[] {
  return [
    { source_labels: [podLabel('name')], regex: components, action: 'keep' },
    { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
    { source_labels: [podLabel('instance')], target_label: 'environment' },
    { source_labels: [podLabel('name')], target_label: 'component' },
    { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
  ];
}
