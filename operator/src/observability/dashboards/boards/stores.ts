import { BytesIEC, Number as Plain, OpsPerSecond, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { board, type Board, type Row } from '../board.ts';
import { lines, states } from '../panels.ts';
import { logRow } from '../rows/logs.ts';
import { postgresRow } from '../rows/postgres.ts';
import { of, rate } from '../selectors.ts';
import { environmentVariables, levels } from '../variables.ts';

/** Are PostgreSQL, Redis and RabbitMQ well, and how full are they? */
export function stores(): Board {
  return board({
    uid: 'collabeditor-stores',
    title: 'CollabEditor / Data stores',
    description: 'PostgreSQL, Redis and RabbitMQ of an environment, and the connections of the services to them.',
    variables: [...environmentVariables(), levels()],
    starts: `max by (component, pod) (${of('process_start_time_seconds', 'component=~".+-service"')}) * 1000`,
    rows: [
      seen,
      postgresRow,
      redis,
      rabbitmq,
      telemetry,
      logRow('postgres|redis|rabbitmq', 'PostgreSQL, Redis and RabbitMQ'),
    ],
  });
}

const seen: Row = {
  title: 'As the services see them',
  panels: [
    states(
      {
        title: 'Stores',
        description:
          'Red where at least one process of the service cannot use the store. All services at once: the store. One service: its network, password or rights.',
      },
      [{ expr: `min by (component, store) (${of('collab_store_up')})`, legend: '{{component}} → {{store}}' }],
      24,
    ),
    lines(
      {
        title: 'Database connections',
        description:
          'Connections in the pools of each service. Normal: mostly idle. All busy for long: slow statements, or a pool that is too small.',
      },
      [
        {
          expr: `sum by (component, state) (${of('collab_database_pool_connections')})`,
          legend: '{{component}} {{state}}',
        },
      ],
      { unit: Short, min: 0, stacked: true, width: 12 },
    ),
    lines(
      {
        title: 'Requests that wait for a connection',
        description: 'Work that waits because every connection of its pool is busy. Normal: 0.',
      },
      [{ expr: `sum by (component) (${of('collab_database_pool_waiting')})`, legend: '{{component}}' }],
      { unit: Short, min: 0, width: 12, limits: [[1, 'orange']] },
    ),
  ],
};

const redis: Row = {
  title: 'Redis',
  panels: [
    lines(
      {
        title: 'Memory',
        description:
          'Memory in use and its limit; a limit of 0 is none. Near the limit keys are evicted or writes refused.',
      },
      [
        { expr: `max(${of('collab_redis_memory_bytes')})`, legend: 'in use' },
        { expr: `max(${of('collab_redis_max_memory_bytes')})`, legend: 'limit' },
      ],
      { unit: BytesIEC, min: 0 },
    ),
    lines(
      {
        title: 'Commands',
        description: 'Commands a second of all services. They follow the edits: each commit is announced here.',
      },
      [{ expr: `max(${rate(of('collab_redis_commands_total'))})`, legend: 'commands' }],
      { unit: OpsPerSecond, min: 0 },
    ),
    lines(
      {
        title: 'Connections',
        description: 'Clients of the server: two or three a process of a service. Normal: level.',
      },
      [{ expr: `max(${of('collab_redis_connections')})`, legend: 'connections' }],
      { unit: Short, min: 0 },
    ),
    lines(
      { title: 'Evicted keys', description: 'Keys thrown away for want of memory. Normal: 0.' },
      [{ expr: `max(${rate(of('collab_redis_evicted_keys_total'))})`, legend: 'evicted' }],
      { unit: OpsPerSecond, min: 0, width: 12, limits: [[1, 'orange']] },
    ),
    states(
      {
        title: 'Persistence',
        description:
          'Whether Redis could write its data to disk the last time. Red: a restart would lose what came since.',
      },
      [{ expr: `min(${of('collab_redis_persistence_ok')})`, legend: 'written to disk' }],
    ),
  ],
};

const rabbitmq: Row = {
  title: 'RabbitMQ',
  panels: [
    lines(
      {
        title: 'Memory',
        description:
          'Memory of the broker and the mark at which it stops taking messages. Normal: below half of the mark.',
      },
      [
        { expr: `max(${of('rabbitmq_process_resident_memory_bytes')})`, legend: 'in use' },
        { expr: `max(${of('rabbitmq_resident_memory_limit_bytes')})`, legend: 'mark' },
      ],
      { unit: BytesIEC, min: 0 },
    ),
    lines(
      {
        title: 'Disk space left',
        description: 'Space left on the volume and the mark below which the broker stops taking messages.',
      },
      [
        { expr: `min(${of('rabbitmq_disk_space_available_bytes')})`, legend: 'left' },
        { expr: `max(${of('rabbitmq_disk_space_available_limit_bytes')})`, legend: 'mark' },
      ],
      { unit: BytesIEC, min: 0 },
    ),
    states(
      {
        title: 'Takes messages',
        description:
          'Red while the broker blocks publishers because of memory or disk. Events then wait in the outboxes; none is lost.',
      },
      [
        { expr: `1 - max(${of('rabbitmq_alarms_memory_used_watermark')})`, legend: 'memory' },
        { expr: `1 - max(${of('rabbitmq_alarms_free_disk_space_watermark')})`, legend: 'disk' },
      ],
      8,
    ),
    lines(
      {
        title: 'Connections and channels',
        description: 'Each process of a service holds one connection and a few channels. Normal: level.',
      },
      [
        { expr: `sum(${of('rabbitmq_connections')})`, legend: 'connections' },
        { expr: `sum(${of('rabbitmq_channels')})`, legend: 'channels' },
      ],
      { unit: Short, min: 0, width: 12 },
    ),
    lines(
      {
        title: 'Messages',
        description: 'Messages in all queues: waiting, and with consumers. Which queue is on the dashboard of events.',
      },
      [
        { expr: `sum(${of('rabbitmq_queue_messages_ready')})`, legend: 'waiting' },
        { expr: `sum(${of('rabbitmq_queue_messages_unacked')})`, legend: 'with consumers' },
      ],
      { unit: Short, min: 0, width: 12 },
    ),
  ],
};

const telemetry: Row = {
  title: 'Telemetry itself (where an environment has its own Prometheus)',
  collapsed: true,
  panels: [
    lines(
      { title: 'Series by pod', description: 'Series that each pod exposes. Normal: below 500.' },
      [{ expr: `sum by (pod) (${of('scrape_samples_post_metric_relabeling')})`, legend: '{{pod}}' }],
      { unit: Short, min: 0, limits: [[500, 'orange']] },
    ),
    lines(
      { title: 'Duration of scrapes', description: 'How long it takes to read a pod’s metrics. Normal: below 100 ms.' },
      [{ expr: `max by (component) (${of('scrape_duration_seconds')})`, legend: '{{component}}' }],
      { unit: Seconds, min: 0 },
    ),
    lines(
      {
        title: 'Prometheus: series',
        description: 'Series that Prometheus holds in memory. It needs some kilobytes for each.',
      },
      [{ expr: `max(${of('prometheus_tsdb_head_series')})`, legend: 'series' }],
      { unit: Plain, min: 0 },
    ),
    lines(
      {
        title: 'Prometheus: size',
        description:
          'Size of the finished blocks. The oldest are removed by age and by size; the first appears after two hours.',
      },
      [{ expr: `max(${of('prometheus_tsdb_storage_blocks_bytes')})`, legend: 'blocks' }],
      { unit: BytesIEC, min: 0, width: 12 },
    ),
    lines(
      { title: 'Rules', description: 'Evaluations of rules that failed. Normal: 0; else alerts are blind.' },
      [
        { expr: `sum(${rate(of('prometheus_rule_evaluations_total'))})`, legend: 'evaluations' },
        { expr: `sum(${rate(of('prometheus_rule_evaluation_failures_total'))})`, legend: 'failures' },
      ],
      { unit: OpsPerSecond, min: 0, width: 12 },
    ),
  ],
};
