import { stringify } from 'yaml';
import { durationSeconds } from '../api/duration.ts';
import { telemetryName } from './names.ts';
import {
  isManaged,
  programPort,
  telemetryChild,
  telemetryConfigMap,
  telemetryPods,
  telemetryService,
} from './telemetry.ts';
import type { DesiredInput, Manifest } from './types.ts';
import { volumeFields } from './volumes.ts';

const configPath = '/etc/loki';
const dataPath = '/loki';

/** User `loki` of the official image. */
const uid = 10001;

/** A Loki for the environment alone; nothing unless logs are Managed. */
export function loki(input: DesiredInput): Manifest[] {
  const { resource } = input;
  if (!isManaged(resource.spec, 'loki')) return [];
  const files = { 'loki.yaml': stringify(configuration(input), { lineWidth: 0 }) };
  const pods = telemetryPods(input, {
    program: 'loki',
    uid,
    command: ['loki', `-config.file=${configPath}/loki.yaml`],
    portName: 'telemetry',
    ready: '/ready',
    alive: '/loki/api/v1/status/buildinfo',
    gracePeriodSeconds: 60,
    mounts: [
      { name: 'data', mountPath: dataPath },
      { name: 'config', mountPath: configPath, readOnly: true },
    ],
    volumes: [{ name: 'config', configMap: { name: telemetryName(resource, 'loki') } }],
    settings: files,
  });
  const spec = {
    serviceName: telemetryName(resource, 'loki'),
    replicas: 1,
    podManagementPolicy: 'Parallel',
    ...pods,
    ...volumeFields(input, 'loki', 'monitoring'),
  };
  return [
    telemetryConfigMap(input, 'loki', files),
    telemetryService(input, 'loki'),
    telemetryChild(input, 'loki', ['apps/v1', 'StatefulSet'], { spec }),
  ];
}

/** All of Loki in one process on one volume. */
function configuration(input: DesiredInput) {
  return {
    // One environment, one Loki: who may reach it is a NetworkPolicy's matter.
    auth_enabled: false,
    server: {
      http_listen_port: programPort('loki'),
      // Its parts talk to each other by it, inside the pod.
      grpc_listen_address: '127.0.0.1',
      grpc_server_max_recv_msg_size: 16 * 2 ** 20,
      grpc_server_max_send_msg_size: 16 * 2 ** 20,
      // Its own lines are shipped to itself: what it tells of each request would never end.
      log_level: 'warn',
      log_format: 'json',
    },
    common: {
      instance_addr: '127.0.0.1',
      path_prefix: dataPath,
      replication_factor: 1,
      ring: { kvstore: { store: 'inmemory' } },
      storage: {
        filesystem: { chunks_directory: `${dataPath}/chunks`, rules_directory: `${dataPath}/rules` },
      },
    },
    ingester: {
      // Half of it is how much older than the newest line of a pod a line may be: after an outage old ones come late.
      max_chunk_age: '24h',
      wal: { replay_memory_ceiling: '128MB' },
      // There is no other replica to wait for.
      lifecycler: { min_ready_duration: '0s', final_sleep: '0s' },
    },
    schema_config: {
      configs: [
        {
          from: '2024-01-01',
          store: 'tsdb',
          object_store: 'filesystem',
          schema: 'v13',
          index: { prefix: 'index_', period: '24h' },
        },
      ],
    },
    compactor: {
      working_directory: `${dataPath}/compactor`,
      retention_enabled: true,
      delete_request_store: 'filesystem',
    },
    limits_config: limits(input),
    query_range: { results_cache: { cache: { embedded_cache: { enabled: true, max_size_mb: 32 } } } },
    analytics: { reporting_enabled: false },
  };
}

/** Where a line came from is indexed; what is in it is structured metadata beside it. */
function limits({ resource }: DesiredInput) {
  const seconds = Math.round(durationSeconds(resource.spec.observability.retention.logs));
  return {
    retention_period: `${seconds}s`,
    // Lines that waited on a node while Loki was away are never too old to be taken.
    reject_old_samples: true,
    reject_old_samples_max_age: `${seconds}s`,
    allow_structured_metadata: true,
    otlp_config: {
      resource_attributes: {
        ignore_defaults: true,
        attributes_config: [{ action: 'index_label', attributes: ['namespace', 'instance', 'component', 'pod'] }],
      },
    },
    discover_service_name: [],
    discover_log_levels: false,
    // A node that catches up after an outage sends all it has at once.
    ingestion_rate_mb: 32,
    ingestion_burst_size_mb: 64,
    per_stream_rate_limit: '16MB',
    per_stream_rate_limit_burst: '32MB',
    max_query_parallelism: 4,
    volume_enabled: true,
  };
}
