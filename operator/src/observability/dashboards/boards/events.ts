import { MessagesPerSecond, Number as Plain, PercentUnit, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { board, type Board, type Row } from '../board.ts';
import { lines, stat } from '../panels.ts';
import { logRow } from '../rows/logs.ts';
import { of, rate } from '../selectors.ts';
import { environmentVariables, levels } from '../variables.ts';

const notifications = of('collab_notifications_total');

/** Do events leave their outbox, are they worked off, and do mails reach the mail server? */
export function events(): Board {
  return board({
    uid: 'collabeditor-events',
    title: 'CollabEditor / Events and mail',
    description: 'The way of an event: outbox, RabbitMQ, its consumer, and for mails the SMTP server.',
    variables: [...environmentVariables(), levels()],
    starts: `max by (component, pod) (${of('process_start_time_seconds', 'component=~".+-service"')}) * 1000`,
    rows: [outbox, queues, mail, logRow('notification-service', 'the notification service')],
  });
}

const outbox: Row = {
  title: 'Outbox',
  panels: [
    lines(
      {
        title: 'Events that wait',
        description:
          'Events that are committed and not yet published. Normal: 0, or a few for a moment; none is lost while they wait.',
      },
      [{ expr: `max by (component) (${of('collab_outbox_pending')})`, legend: '{{component}}' }],
      { unit: Short, min: 0, width: 12 },
    ),
    lines(
      {
        title: 'Oldest event that waits',
        description: 'Age of the oldest event in each outbox. Normal: below a second; an alert fires at two minutes.',
      },
      [{ expr: `max by (component) (${of('collab_outbox_oldest_seconds')})`, legend: '{{component}}' }],
      { unit: Seconds, min: 0, width: 12, limits: [[120, 'orange']] },
    ),
  ],
};

const queues: Row = {
  title: 'Queues',
  panels: [
    lines(
      {
        title: 'Messages in queues',
        description:
          'Messages that wait for their consumer or are with it. Normal: near 0; a line that rises has no consumer or a slow one.',
      },
      [{ expr: depth('notifications|users|documents'), legend: '{{queue}}' }],
      { unit: Short, min: 0 },
    ),
    lines(
      {
        title: 'Messages that are tried again later',
        description:
          'Mails that failed, in the queues where they wait for 5 s, 30 s, 2 min, 10 min and 1 h. Normal: 0.',
      },
      [{ expr: depth('notifications[.]retry[.].+'), legend: '{{queue}}' }],
      { unit: Short, min: 0, stacked: true },
    ),
    lines(
      {
        title: 'Dead letters',
        description: 'Messages that were given up. Normal: 0. They stay until somebody has looked at them.',
      },
      [{ expr: depth('.+[.]dead'), legend: '{{queue}}' }],
      { unit: Short, min: 0, limits: [[1, 'red']] },
    ),
    lines(
      {
        title: 'Consumers',
        description: 'Consumers of each queue: one a replica of its service. At 0 nobody works the queue off.',
      },
      [
        {
          expr: `max by (queue) (${of('rabbitmq_detailed_queue_consumers', 'queue=~"notifications|users|documents"')})`,
          legend: '{{queue}}',
        },
      ],
      { unit: Plain, min: 0 },
    ),
    lines(
      {
        title: 'Messages through RabbitMQ',
        description:
          'Messages a second: published by services, confirmed to them, delivered to consumers, and acknowledged. Normal: all lines close together.',
      },
      [
        { expr: through('received'), legend: 'published' },
        { expr: through('confirmed'), legend: 'confirmed' },
        { expr: through('delivered'), legend: 'delivered' },
        { expr: through('acknowledged'), legend: 'acknowledged' },
      ],
      { unit: MessagesPerSecond, min: 0, width: 16 },
    ),
  ],
};

const mail: Row = {
  title: 'Mail',
  panels: [
    stat(
      {
        title: 'Messages in this range',
        description:
          'What became of the messages in the queue of notifications: `ignored` ones ask for no mail, `logged` ones are written to the log since no SMTP server is configured.',
      },
      [{ expr: `round(sum by (result) (increase(${notifications}[$__range])))`, legend: '{{result}}' }],
      { unit: Short, limits: [], now: true, named: true, width: 24 },
    ),
    lines(
      {
        title: 'Messages by result',
        description: 'Messages a second by how they ended. Normal: sent, and ignored where an event asks for no mail.',
      },
      [{ expr: `sum by (result) (${rate(notifications)})`, legend: '{{result}}' }],
      { unit: MessagesPerSecond, min: 0, width: 12 },
    ),
    lines(
      {
        title: 'Failures',
        description:
          'Share of attempts that failed for now or for good. An alert fires above one half, or for any dead letter. Normal: 0.',
      },
      [
        {
          expr: `sum(${rate(of('collab_notifications_total', 'result=~"retried|dead"'))}) / clamp_min(sum(${rate(notifications)}), 1e-9)`,
          legend: 'failed',
        },
      ],
      { unit: PercentUnit, min: 0, max: 1, width: 12, limits: [[0.5, 'red']] },
    ),
  ],
};

function depth(queue: string): string {
  return `max by (queue) (${of('rabbitmq_detailed_queue_messages', `queue=~"${queue}"`)})`;
}

function through(step: string): string {
  return `sum(${rate(of(`rabbitmq_global_messages_${step}_total`))})`;
}
