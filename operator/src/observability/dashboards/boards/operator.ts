import {
  BytesIEC,
  Number as Plain,
  OpsPerSecond,
  RequestsPerSecond,
  Seconds,
  Short,
} from '@grafana/grafana-foundation-sdk/units';
import { board, type Board, type Row } from '../board.ts';
import { lines, stat, states, table } from '../panels.ts';
import { ofOperator, quantile, rate } from '../selectors.ts';
import { metricsSource, oneOf } from '../variables.ts';

/** Every replica of the operator tells of the same environments. */
const ready = 'max by (namespace, name) (collabeditor_condition{type="Ready", status="True"})';
const operatorAlerts =
  'ALERTS{alertstate="firing", alertname=~"CollabOperator.+|CollabEnvironment.+|CollabCertificate.+"}';

/** Does the operator keep up, and which environments are not as they should be? */
export function operator(): Board {
  return board({
    uid: 'collabeditor-operator',
    title: 'CollabEditor / Operator',
    description: 'The operator and all environments that it looks after. Needs a Prometheus that scrapes the operator.',
    variables: [
      metricsSource(),
      oneOf(
        'operator',
        'Operator in',
        'label_values(controller_runtime_reconcile_total{component="operator"}, namespace)',
      ),
    ],
    starts: `max by (component, pod) (${ofOperator('process_start_time_seconds')}) * 1000`,
    rows: [now, environments, reconciles, queue, api, processes, certificates],
  });
}

const now: Row = {
  title: 'Now',
  panels: [
    stat(
      { title: 'Environments', description: 'CollabEditor resources that the operator looks after.' },
      [{ expr: `count(${ready})`, legend: 'environments' }],
      { unit: Plain, limits: [] },
    ),
    stat(
      {
        title: 'Not ready',
        description:
          'Environments whose condition Ready is not True. Normal: 0; for minutes while one is made or changed.',
      },
      [{ expr: `count(${ready} == 0) or vector(0)`, legend: 'not ready' }],
      { unit: Plain, limits: [[1, 'red']] },
    ),
    stat(
      {
        title: 'Firing alerts',
        description:
          'Alerts about the operator, about environments that are not ready, and about certificates. Normal: 0.',
      },
      [{ expr: `count(${operatorAlerts}) or vector(0)`, legend: 'firing' }],
      { unit: Plain, limits: [[1, 'red']] },
    ),
    stat(
      {
        title: 'Replicas up',
        description:
          'Processes of the operator that Prometheus can scrape. Normal: as many as its Deployment asks for.',
      },
      [{ expr: `sum(${ofOperator('up')})`, legend: 'up' }],
      { unit: Plain, base: 'red', limits: [[1, 'green']] },
    ),
    stat(
      {
        title: 'Leaders',
        description: 'Replicas that hold the lease. Normal: 1. At 0 nobody reconciles; environments go on as they are.',
      },
      [{ expr: `sum(${ofOperator('leader_election_master_status')})`, legend: 'leaders' }],
      {
        unit: Plain,
        base: 'red',
        limits: [
          [1, 'green'],
          [2, 'red'],
        ],
      },
    ),
    stat(
      { title: 'Waiting', description: 'Environments that wait to be reconciled. Normal: 0.' },
      [{ expr: `sum(${ofOperator('workqueue_depth')})`, legend: 'waiting' }],
      { unit: Plain, limits: [[10, 'orange']] },
    ),
  ],
};

const environments: Row = {
  title: 'Environments',
  panels: [
    states(
      {
        title: 'Ready',
        description:
          'Whether each environment was ready. Red: its condition Ready was not True; `kubectl describe` tells why.',
      },
      [{ expr: ready, legend: '{{namespace}}/{{name}}' }],
    ),
    table(
      {
        title: 'Conditions',
        description:
          'Conditions of every environment as they are now. Degraded is the one that is False when all is well.',
      },
      { expr: 'max by (namespace, name, type, status) (collabeditor_condition) == 1', legend: '' },
      {
        unit: Plain,
        value: 'Holds',
        columns: { namespace: 'Namespace', name: 'Environment', type: 'Condition', status: 'Status' },
        links: {
          Environment: {
            title: 'Show this environment',
            url: '/d/collabeditor-overview?${__url_time_range}&var-namespace=${__data.fields.Namespace}&var-environment=${__value.raw}',
          },
        },
      },
    ),
  ],
};

const reconciles: Row = {
  title: 'Reconciles',
  panels: [
    lines(
      {
        title: 'Reconciles by result',
        description:
          'Reconciles a second. `requeue_after` looks again later, `error` tries again with growing pauses. Normal: no error.',
      },
      [
        {
          expr: `sum by (result) (${rate(ofOperator('controller_runtime_reconcile_total'))})`,
          legend: '{{result}}',
        },
      ],
      { unit: OpsPerSecond, min: 0 },
    ),
    lines(
      {
        title: 'Errors',
        description: 'Reconciles that failed, failed for good, or ended by an unexpected exception. Normal: 0.',
      },
      [
        { expr: `sum(${rate(ofOperator('controller_runtime_reconcile_errors_total'))})`, legend: 'failed' },
        { expr: `sum(${rate(ofOperator('controller_runtime_terminal_reconcile_errors_total'))})`, legend: 'for good' },
        { expr: `sum(${rate(ofOperator('controller_runtime_reconcile_panics_total'))})`, legend: 'exception' },
      ],
      { unit: OpsPerSecond, min: 0 },
    ),
    lines(
      {
        title: 'Duration',
        description: 'How long a reconcile takes. Normal: tenths of a second; seconds where stores are slow to answer.',
      },
      [0.5, 0.99].map((q) => ({
        expr: quantile(q, ofOperator('controller_runtime_reconcile_time_seconds_bucket')),
        legend: `p${q * 100}`,
      })),
      { unit: Seconds, min: 0 },
    ),
  ],
};

const queue: Row = {
  title: 'Work queue',
  panels: [
    lines(
      {
        title: 'Depth and workers',
        description:
          'Environments that wait, and workers at work. A depth that stays while workers are at their limit: too few of them, or slow work.',
      },
      [
        { expr: `sum(${ofOperator('workqueue_depth')})`, legend: 'waiting' },
        { expr: `sum(${ofOperator('controller_runtime_active_workers')})`, legend: 'workers at work' },
        { expr: `max(${ofOperator('controller_runtime_max_concurrent_reconciles')})`, legend: 'workers at most' },
      ],
      { unit: Short, min: 0 },
    ),
    lines(
      {
        title: 'Added and tried again',
        description: 'Additions to the queue a second, and those that repeat a failed try.',
      },
      [
        { expr: `sum(${rate(ofOperator('workqueue_adds_total'))})`, legend: 'added' },
        { expr: `sum(${rate(ofOperator('workqueue_retries_total'))}) or vector(0)`, legend: 'tried again' },
      ],
      { unit: OpsPerSecond, min: 0 },
    ),
    lines(
      {
        title: 'Waiting and work, p99',
        description:
          'How long environments wait in the queue, how long work on one takes, and the longest work under way.',
      },
      [
        { expr: quantile(0.99, ofOperator('workqueue_queue_duration_seconds_bucket')), legend: 'waiting' },
        { expr: quantile(0.99, ofOperator('workqueue_work_duration_seconds_bucket')), legend: 'work' },
        { expr: `max(${ofOperator('workqueue_longest_running_processor_seconds')})`, legend: 'longest under way' },
      ],
      { unit: Seconds, min: 0 },
    ),
  ],
};

const watched = `0 * max by (kind) (${ofOperator('watch_silence_seconds')})`;

const api: Row = {
  title: 'API server',
  panels: [
    lines(
      {
        title: 'Requests by status',
        description:
          'Requests to the API server a second. 409 is a conflict that is tried again; 403 is a right that is missing; `<error>` got no answer.',
      },
      [{ expr: `sum by (code) (${rate(ofOperator('rest_client_requests_total'))})`, legend: '{{code}}' }],
      { unit: RequestsPerSecond, min: 0 },
    ),
    lines(
      {
        title: 'Requests by method',
        description: 'GET reads and watches, PATCH applies. Normal: next to no PATCH while nothing changes.',
      },
      [{ expr: `sum by (method) (${rate(ofOperator('rest_client_requests_total'))})`, legend: '{{method}}' }],
      { unit: RequestsPerSecond, min: 0 },
    ),
    lines(
      {
        title: 'Silence of watches',
        description:
          'Seconds since each watch last said something, bookmarks included. Normal: at most a few minutes, in saw teeth; a line that rises on is a dead watch.',
      },
      [{ expr: `max by (kind) (${ofOperator('watch_silence_seconds')})`, legend: '{{kind}}' }],
      { unit: Seconds, min: 0, limits: [[600, 'orange']] },
    ),
    lines(
      {
        title: 'Watches begun again',
        description: 'Watches end by themselves every few minutes and begin again. Normal: a slow, even rate.',
      },
      [{ expr: `sum by (kind) (${rate(ofOperator('watch_restarts_total'))}) or ${watched}`, legend: '{{kind}}' }],
      { unit: OpsPerSecond, min: 0, width: 12 },
    ),
    lines(
      {
        title: 'Watches that failed',
        description: 'Lists and watches that ended by an error. Normal: 0, but while the API server restarts.',
      },
      [{ expr: `sum by (kind) (${rate(ofOperator('watch_failures_total'))}) or ${watched}`, legend: '{{kind}}' }],
      { unit: OpsPerSecond, min: 0, width: 12 },
    ),
  ],
};

const processes: Row = {
  title: 'Processes',
  panels: [
    lines(
      { title: 'CPU', description: 'Processor time; 1 is one core. Normal: a few hundredths while nothing changes.' },
      [{ expr: `sum by (pod) (${rate(ofOperator('process_cpu_seconds_total'))})`, legend: '{{pod}}' }],
      { unit: Short, min: 0 },
    ),
    lines(
      { title: 'Memory', description: 'Resident memory. It follows the number of objects that are watched.' },
      [{ expr: `max by (pod) (${ofOperator('process_resident_memory_bytes')})`, legend: '{{pod}}' }],
      { unit: BytesIEC, min: 0 },
    ),
    lines(
      {
        title: 'Event loop lag, p99',
        description: 'How late timers run. Normal: below 50 ms. Seconds would cost the lease.',
      },
      [{ expr: `max by (pod) (${ofOperator('nodejs_eventloop_lag_p99_seconds')})`, legend: '{{pod}}' }],
      { unit: Seconds, min: 0, limits: [[0.1, 'orange']] },
    ),
  ],
};

const certificates: Row = {
  title: 'Certificates (of environments that are exposed with TLS)',
  collapsed: true,
  panels: [
    table(
      {
        title: 'Time left',
        description: 'Time until the certificate in the Secret expires. Alerts fire at three weeks and at three days.',
      },
      {
        expr: 'min by (namespace, name, secret) (collabeditor_certificate_expiry_timestamp_seconds) - time()',
        legend: '',
      },
      {
        unit: Seconds,
        value: 'Left',
        columns: { namespace: 'Namespace', name: 'Environment', secret: 'Secret' },
        width: 24,
      },
    ),
  ],
};
