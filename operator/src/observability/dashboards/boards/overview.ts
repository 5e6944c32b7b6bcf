import {
  Number as Plain,
  OpsPerSecond,
  PercentUnit,
  Seconds,
  Short,
  BytesIEC,
} from '@grafana/grafana-foundation-sdk/units';
import { board, type Board, type Row } from '../board.ts';
import { budgetLeft, burnRate, objectives, promised, type Objective } from '../objectives.ts';
import { lines, stat, states, table } from '../panels.ts';
import { logRow } from '../rows/logs.ts';
import { requestsRow } from '../rows/requests.ts';
import { of, quantile, rate } from '../selectors.ts';
import { anyOf, environmentVariables, levels } from '../variables.ts';

const chosen = 'component=~"$component"';
const runbooks = 'https://github.com/collabeditor/collabeditor/blob/main/docs/runbooks';
const firing = of('ALERTS', 'alertstate="firing"');

/** Is this environment well, and if not, where? */
export function overview(): Board {
  return board({
    uid: 'collabeditor-overview',
    title: 'CollabEditor / Environment',
    description: 'One environment at a glance: what is firing, service levels, requests by service, replicas.',
    variables: [
      ...environmentVariables(),
      anyOf(
        'component',
        'Service',
        'label_values(collab_store_up{namespace="$namespace", environment="$environment"}, component)',
      ),
      levels(),
    ],
    starts: `max by (component, pod) (${of('process_start_time_seconds', 'component=~".+-service"')}) * 1000`,
    rows: [now, alerts, serviceLevels, requestsRow, collaboration, processes, logRow('.+', 'all components')],
  });
}

const now: Row = {
  title: 'Now',
  panels: [
    stat(
      {
        title: 'Firing alerts',
        description: 'Alerts of this environment that fire. Normal: 0. Which ones is in the table below.',
      },
      [{ expr: `count(${firing}) or vector(0)`, legend: 'firing' }],
      { unit: Plain, limits: [[1, 'red']] },
    ),
    stat(
      {
        title: 'Processes down',
        description:
          'Processes that Prometheus knows of and cannot scrape. Normal: 0; for a minute more during a rollout.',
      },
      [{ expr: `count(min by (component, pod) (${of('up')}) == 0) or vector(0)`, legend: 'down' }],
      { unit: Plain, limits: [[1, 'red']] },
    ),
    ...objectives.map(budgetStat),
    stat(
      {
        title: 'Edit acknowledged, p99',
        description:
          'Time from the arrival of an edit to its acknowledgement. Normal: below 100 ms; promised: below 500 ms.',
      },
      [{ expr: quantile(0.99, of('collab_edit_ack_duration_seconds_bucket')), legend: 'p99' }],
      {
        unit: Seconds,
        limits: [
          [0.25, 'orange'],
          [0.5, 'red'],
        ],
        noValue: 'no edits',
      },
    ),
  ],
};

const alerts: Row = {
  title: 'What is firing',
  panels: [
    table(
      {
        title: 'Firing alerts',
        description: 'Each leads to its runbook. The severity “none” stands for an environment in which all is well.',
      },
      {
        expr: `max by (alertname, severity, component) (${firing}) or on () label_replace(vector(0), "severity", "none", "", "")`,
        legend: '',
      },
      {
        unit: Plain,
        value: 'Firing',
        columns: { alertname: 'Alert', severity: 'Severity', component: 'Component' },
        links: { Alert: { title: 'Runbook', url: `${runbooks}/\${__value.raw}.md` } },
      },
    ),
    lines(
      {
        title: 'Firing alerts by severity',
        description: 'Critical: users are hurt now. Warning: they will be if nobody looks. Normal: 0.',
      },
      [
        {
          expr: `count by (severity) (${firing}) or ${none('critical')} or ${none('warning')}`,
          legend: '{{severity}}',
        },
      ],
      { unit: Plain, min: 0, width: 12 },
    ),
  ],
};

const serviceLevels: Row = {
  title: 'Service level objectives: how fast the error budgets are spent',
  panels: objectives.map((objective) =>
    lines(
      {
        title: `${inTitle(objective)}: burn rate`,
        description:
          `Promised: ${promised(objective)} good. Bad are ${objective.events} that ${objective.badness}. ` +
          'At 1 the budget lasts for exactly 30 days; at 6 over half an hour and six hours a warning fires, ' +
          'at 14.4 over five minutes and an hour a critical alert. Normal: 0.',
      },
      ['5m', '30m', '1h', '6h'].map((window) => ({ expr: burnRate(objective, window), legend: `over ${window}` })),
      {
        unit: Plain,
        min: 0,
        limits: [
          [6, 'orange'],
          [14.4, 'red'],
        ],
      },
    ),
  ),
};

const collaboration: Row = {
  title: 'Collaboration',
  panels: [
    lines(
      {
        title: 'Connections',
        description: 'Open WebSocket connections. A step down on all replicas at once is a rollout or an outage.',
      },
      [{ expr: `sum(${of('collab_connections')})`, legend: 'connections' }],
      { unit: Short, min: 0 },
    ),
    lines(
      { title: 'Open documents', description: 'Documents in memory, counted once a replica that has them open.' },
      [{ expr: `sum(${of('collab_open_documents')})`, legend: 'documents' }],
      { unit: Short, min: 0 },
    ),
    lines(
      {
        title: 'Edits',
        description:
          'Edits a second by what became of them. `unavailable` means that users lose time; more is on the dashboard of the realtime engine.',
      },
      [{ expr: `sum by (result) (${rate(of('collab_edits_total'))})`, legend: '{{result}}' }],
      { unit: OpsPerSecond, min: 0 },
    ),
  ],
};

const processes: Row = {
  title: 'Processes',
  panels: [
    lines(
      {
        title: 'Up',
        description:
          'Processes that Prometheus can scrape, by component. Compare with the replicas that the manifest asks for.',
      },
      [{ expr: `sum by (component) (min by (component, pod) (${of('up')}))`, legend: '{{component}}' }],
      { unit: Plain, min: 0, width: 10 },
    ),
    states(
      {
        title: 'Stores, as the services see them',
        description: 'Red where at least one process cannot use the store. Normal: green throughout.',
      },
      [{ expr: `min by (store) (${of('collab_store_up')})`, legend: '{{store}}' }],
      10,
    ),
    stat(
      {
        title: 'Age of the signing key',
        description:
          'Age of the key that signs access tokens. It is replaced after 90 days by default; an alert fires at 97.',
      },
      [{ expr: `time() - max(${of('collab_signing_key_created_timestamp_seconds')})`, legend: 'age' }],
      { unit: Seconds, limits: [[97 * 86_400, 'orange']], noValue: 'unknown', height: 8 },
    ),
    lines(
      { title: 'CPU', description: 'Processor time that each service uses, all its replicas together; 1 is one core.' },
      [{ expr: `sum by (component) (${rate(of('process_cpu_seconds_total', chosen))})`, legend: '{{component}}' }],
      { unit: Short, min: 0 },
    ),
    lines(
      {
        title: 'Memory',
        description: 'Resident memory of each process. Normal: level; a line that only rises is a leak.',
      },
      [{ expr: `max by (pod) (${of('process_resident_memory_bytes', chosen)})`, legend: '{{pod}}' }],
      { unit: BytesIEC, min: 0 },
    ),
    lines(
      {
        title: 'Event loop lag, p99',
        description:
          'How late timers run in the worst replica of each service. Normal: below 50 ms; above, the process has too much to do.',
      },
      [
        {
          expr: `max by (component) (${of('nodejs_eventloop_lag_p99_seconds', chosen)})`,
          legend: '{{component}}',
        },
      ],
      { unit: Seconds, min: 0, limits: [[0.1, 'orange']] },
    ),
  ],
};

function budgetStat(objective: Objective): ReturnType<typeof stat> {
  return stat(
    {
      title: `${inTitle(objective)}: budget left`,
      description:
        `Error budget that is left of the range that is shown. Promised: ${promised(objective)} good; ` +
        `bad are ${objective.events} that ${objective.badness}. Below 0 % the objective is missed.`,
    },
    [{ expr: budgetLeft(objective, '$__range'), legend: inTitle(objective) }],
    {
      unit: PercentUnit,
      base: 'red',
      limits: [
        [0, 'orange'],
        [0.25, 'green'],
      ],
      decimals: 1,
      now: true,
      noValue: 'no traffic',
    },
  );
}

function inTitle({ events }: Objective): string {
  return events.charAt(0).toUpperCase() + events.slice(1);
}

function none(severity: string): string {
  return `label_replace(vector(0), "severity", "${severity}", "", "")`;
}
