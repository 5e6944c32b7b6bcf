import { stringify } from 'yaml';
import { componentName, type LoggingEnvironment } from './environment.ts';
import { receiver } from './receiver.ts';
import { inCluster, type CollectorSettings } from './settings.ts';
import {
  componentStatements,
  fieldStatements,
  foreignConditions,
  labelStatements,
  onlyStatements,
} from './statements.ts';

const MIB = 1024 * 1024;

/**
 * The whole configuration of the collector of a node: the files of each environment's pods to the Loki of that environment.
 *
 * One receiver per environment → who wrote it, and is it ours → what is in the line → by environment → a queue on disk → Loki.
 * The shared part keeps nothing and decides by what the receiver knows, so no environment's line can come to another's exporter.
 */
export function collectorConfig(
  environments: readonly LoggingEnvironment[],
  settings: CollectorSettings = inCluster,
): string {
  const ordered = [...environments].sort((a, b) => (componentName(a) < componentName(b) ? -1 : 1));
  const text = stringify(escaped(configuration(ordered, settings)), { lineWidth: 0, aliasDuplicateObjects: false });
  return `# Made by collabeditor-operator collector-config; changes are overwritten.\n${text}`;
}

function configuration(environments: readonly LoggingEnvironment[], settings: CollectorSettings) {
  const each = <T>(make: (environment: LoggingEnvironment) => [name: string, value: T]) =>
    Object.fromEntries(environments.map(make));
  return {
    extensions: extensions(settings),
    // Without an environment there is nothing to do, and the collector refuses components that lead nowhere.
    ...(environments.length > 0 && {
      receivers: each((one) => [receiverOf(one), receiver(one, settings)]),
      processors: processors(settings),
      connectors: { routing: { error_mode: 'propagate', table: environments.map(route) } },
      exporters: each((one) => [exporterOf(one), exporter(one, settings)]),
    }),
    service: {
      extensions: ['health_check', 'file_storage'],
      telemetry: telemetry(settings),
      pipelines:
        environments.length === 0
          ? {}
          : {
              logs: {
                receivers: environments.map(receiverOf),
                processors: [
                  'memory_limiter',
                  'k8s_attributes',
                  'transform/component',
                  'filter/foreign',
                  'transform/fields',
                ],
                exporters: ['routing'],
              },
              ...each((one) => [pipelineOf(one), { receivers: ['routing'], exporters: [exporterOf(one)] }]),
            },
    },
  };
}

const receiverOf = (environment: LoggingEnvironment) => `file_log/${componentName(environment)}`;
const exporterOf = (environment: LoggingEnvironment) => `otlp_http/${componentName(environment)}`;
const pipelineOf = (environment: LoggingEnvironment) => `logs/${componentName(environment)}`;

function extensions({ storage, host, healthPort }: CollectorSettings) {
  return {
    health_check: { endpoint: `${host}:${healthPort}` },
    file_storage: {
      directory: storage,
      // A file that a lost node has damaged is put aside; the lines that are still on the node are then read again.
      recreate: true,
      compaction: {
        directory: storage,
        on_rebound: true,
        rebound_needed_threshold_mib: 32,
        rebound_trigger_threshold_mib: 4,
        cleanup_on_start: true,
      },
    },
  };
}

function processors({ kubernetes, nodeVariable, memoryMiB }: CollectorSettings) {
  const label = (key: string) => ({ tag_name: `label.${key}`, key: `app.kubernetes.io/${key}`, from: 'pod' });
  return {
    memory_limiter: { check_interval: '1s', limit_mib: memoryMiB, spike_limit_mib: Math.floor(memoryMiB / 4) },
    k8s_attributes: {
      auth_type: kubernetes,
      filter: { node_from_env_var: nodeVariable },
      // The node's name is there for every pod that is known, whatever its labels.
      extract: { metadata: ['k8s.node.name'], labels: ['part-of', 'instance', 'name'].map(label) },
      pod_association: [{ sources: [{ from: 'resource_attribute', name: 'k8s.pod.uid' }] }],
      wait_for_metadata: true,
      wait_for_metadata_timeout: '30s',
    },
    'transform/component': { error_mode: 'propagate', log_statements: [...componentStatements] },
    'filter/foreign': { error_mode: 'propagate', log_conditions: [...foreignConditions] },
    'transform/fields': {
      error_mode: 'silent',
      log_statements: [
        { context: 'log', statements: [...fieldStatements, ...onlyStatements] },
        { context: 'resource', statements: [...labelStatements] },
      ],
    },
  };
}

/** There is no route for the rest: what matches no environment goes nowhere. */
function route(environment: LoggingEnvironment) {
  const { namespace, name } = environment;
  return {
    context: 'resource',
    condition: `attributes["namespace"] == "${namespace}" and attributes["instance"] == "${name}"`,
    pipelines: [pipelineOf(environment)],
  };
}

function exporter(environment: LoggingEnvironment, { lokiUrl, queueBytes }: CollectorSettings) {
  return {
    endpoint: lokiUrl(environment),
    timeout: '5s',
    retry_on_failure: { enabled: true, initial_interval: '1s', max_interval: '15s', max_elapsed_time: 0 },
    sending_queue: {
      storage: 'file_storage',
      sizer: 'bytes',
      queue_size: queueBytes,
      // A full queue stops the reading of this environment's files, where the lines are safe until they are rotated away.
      block_on_overflow: true,
      // One at a time keeps the order: Loki refuses what is much older than what it has of the same pod.
      num_consumers: 1,
      batch: { flush_timeout: '500ms', min_size: MIB / 8, max_size: MIB },
    },
  };
}

function telemetry({ host, metricsPort }: CollectorSettings) {
  const names = { without_scope_info: true, without_type_suffix: true, without_units: true };
  return {
    logs: { level: 'warn', encoding: 'json' },
    metrics: {
      level: 'normal',
      readers: [{ pull: { exporter: { prometheus: { host, port: metricsPort, ...names } } } }],
    },
  };
}

/** The collector expands `$` in every string; `$$` stands for one. */
function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, escaped(entry)]));
}
