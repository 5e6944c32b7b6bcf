import {
  BytesIEC,
  OpsPerSecond,
  PercentUnit,
  RequestsPerSecond,
  Seconds,
  Short,
} from '@grafana/grafana-foundation-sdk/units';
import { board, type Board, type Row } from '../board.ts';
import { heatmap, lines, type LinesOptions } from '../panels.ts';
import { logRow } from '../rows/logs.ts';
import { of, quantile, rate } from '../selectors.ts';
import { anyOf, environmentVariables, levels } from '../variables.ts';

const chosen = 'pod=~"$pod"';
const replica = `component="realtime-service", ${chosen}`;
const acknowledged = of('collab_edit_ack_duration_seconds_bucket', chosen);

/** How fast do edits go from one author to the others, and what slows them down? */
export function realtime(): Board {
  return board({
    uid: 'collabeditor-realtime',
    title: 'CollabEditor / Realtime engine',
    description: 'Connections, edits and their way through the realtime service: acknowledgement, commit, fan-out.',
    variables: [
      ...environmentVariables(),
      anyOf(
        'pod',
        'Replica',
        'label_values(collab_connections{namespace="$namespace", environment="$environment"}, pod)',
      ),
      levels(),
    ],
    starts: `max by (component, pod) (${of('process_start_time_seconds', 'component="realtime-service"')}) * 1000`,
    rows: [sessions, edits, commits, trouble, replicas, logRow('realtime-service', 'the realtime service')],
  });
}

const sessions: Row = {
  title: 'Sessions',
  panels: [
    byReplica(
      'Connections',
      'Open WebSocket connections of each replica. Normal: about the same on each; after a rollout new replicas fill up slowly.',
      of('collab_connections', chosen),
      { unit: Short, min: 0, stacked: true },
    ),
    byReplica(
      'Open documents',
      'Documents that a replica has in memory. A document that is open on several replicas counts on each.',
      of('collab_open_documents', chosen),
      { unit: Short, min: 0, stacked: true },
    ),
    lines(
      {
        title: 'WebSocket upgrades',
        description:
          'Attempts to connect by their answer: 101 opened, 401 and 403 refused, 503 full or without its stores. Many 101 are reconnects.',
      },
      [
        {
          expr: `sum by (status) (${rate(of('http_request_duration_seconds_count', `${chosen}, route=~"/ws/.*"`))})`,
          legend: '{{status}}',
        },
      ],
      { unit: RequestsPerSecond, min: 0 },
    ),
  ],
};

const edits: Row = {
  title: 'Edits',
  panels: [
    lines(
      {
        title: 'Edits by result',
        description:
          '`accepted` is committed, `duplicate` was sent again by a client that lost its connection, `out_of_sync` is rebased and sent again, `unavailable` could not be stored. Normal: accepted, and little else.',
      },
      [{ expr: `sum by (result) (${rate(of('collab_edits_total', chosen))})`, legend: '{{result}}' }],
      { unit: OpsPerSecond, min: 0, width: 12 },
    ),
    lines(
      {
        title: 'Acknowledgement',
        description:
          'Time from the arrival of an edit to its acknowledgement, which is after its commit. Normal: p99 below 100 ms; promised: 99 % within 500 ms.',
      },
      [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, acknowledged), legend: `p${q * 100}` })),
      { unit: Seconds, min: 0, width: 12, limits: [[0.5, 'red']] },
    ),
    heatmap(
      {
        title: 'Acknowledgement: all edits',
        description:
          'How many edits took how long. Two bands mean two causes, such as a commit that waits for another one.',
      },
      `sum by (le) (increase(${acknowledged}[$__rate_interval]))`,
      Seconds,
      24,
    ),
  ],
};

const commits: Row = {
  title: 'Commits and frames',
  panels: [
    lines(
      {
        title: 'Commit duration',
        description:
          'Time of one group commit in PostgreSQL. It is most of an acknowledgement. Normal: p99 below 50 ms.',
      },
      [0.5, 0.99].map((q) => ({
        expr: quantile(q, of('collab_commit_duration_seconds_bucket', chosen)),
        legend: `p${q * 100}`,
      })),
      { unit: Seconds, min: 0, limits: [[0.25, 'orange']] },
    ),
    lines(
      {
        title: 'Edits in a commit',
        description:
          'Edits that one commit stores. It grows with the load, since edits gather while a commit is under way; that is wanted.',
      },
      [
        { expr: quantile(0.99, of('collab_commit_edits_bucket', chosen)), legend: 'p99' },
        {
          expr: `sum(${rate(of('collab_commit_edits_sum', chosen))}) / sum(${rate(of('collab_commit_edits_count', chosen))})`,
          legend: 'mean',
        },
      ],
      { unit: Short, min: 0 },
    ),
    byReplica(
      'Frames sent',
      'Frames sent to clients. Each edit becomes a frame to every other session of its document, so it rises with the square of the authors.',
      rate(of('collab_frames_sent_total', chosen)),
      { unit: OpsPerSecond, min: 0 },
    ),
  ],
};

const trouble: Row = {
  title: 'Sessions that fall behind',
  panels: [
    lines(
      {
        title: 'Resyncs',
        description:
          'Whole texts sent to open sessions: `stale` had missed too much, `slow` read too slowly, `resume` came back too late. Normal: a few after a rollout.',
      },
      [{ expr: `sum by (reason) (${rate(of('collab_resyncs_total', chosen))})`, legend: '{{reason}}' }],
      { unit: OpsPerSecond, min: 0 },
    ),
    byReplica(
      'Slow clients',
      'Clients that read more slowly than their document is written; they skip frames and get the whole text. Normal: 0.',
      rate(of('collab_slow_clients_total', chosen)),
      { unit: OpsPerSecond, min: 0 },
    ),
    byReplica(
      'Replica lag',
      'Longest time for which an open document of a replica has been behind the newest committed version. Normal: 0; more than seconds means that news on Redis does not arrive.',
      of('collab_replica_lag_seconds', chosen),
      {
        unit: Seconds,
        min: 0,
        limits: [
          [5, 'orange'],
          [30, 'red'],
        ],
      },
    ),
  ],
};

const replicas: Row = {
  title: 'Replicas',
  panels: [
    byReplica(
      'Event loop lag, p99',
      'How late timers run. Normal: below 20 ms; above 100 ms a replica has more to do than one core can.',
      of('nodejs_eventloop_lag_p99_seconds', replica),
      { unit: Seconds, min: 0, limits: [[0.1, 'orange']] },
    ),
    byReplica(
      'CPU',
      'Processor time of each replica; 1 is one core, and a replica has one thread for its work.',
      rate(of('process_cpu_seconds_total', replica)),
      {
        unit: Short,
        min: 0,
      },
    ),
    lines(
      {
        title: 'Memory',
        description: 'Resident memory and what of it is JavaScript objects. Normal: it follows the open documents.',
      },
      [
        { expr: `max by (pod) (${of('process_resident_memory_bytes', replica)})`, legend: '{{pod}} resident' },
        { expr: `max by (pod) (${of('nodejs_heap_size_used_bytes', replica)})`, legend: '{{pod}} heap' },
      ],
      { unit: BytesIEC, min: 0 },
    ),
    byReplica(
      'Garbage collection',
      'Share of time in which a replica collects garbage and does nothing else. Normal: below 5 %.',
      rate(of('nodejs_gc_duration_seconds_sum', replica)),
      { unit: PercentUnit, min: 0, width: 12 },
    ),
    lines(
      {
        title: 'Database connections',
        description:
          'Connections of the replicas’ pools. Where all are busy and requests wait, PostgreSQL is too slow or the pool too small.',
      },
      [
        { expr: `sum by (state) (${of('collab_database_pool_connections', replica)})`, legend: '{{state}}' },
        { expr: `sum(${of('collab_database_pool_waiting', replica)})`, legend: 'requests waiting' },
      ],
      { unit: Short, min: 0, width: 12 },
    ),
  ],
};

function byReplica(
  title: string,
  description: string,
  series: string,
  options: LinesOptions,
): ReturnType<typeof lines> {
  return lines({ title, description }, [{ expr: `sum by (pod) (${series})`, legend: '{{pod}}' }], options);
}
