import { alert, which } from './alert.ts';
import { byComponent, byEnvironment, type Select } from './select.ts';
import type { Rule } from './types.ts';

/** Events and mails that do not arrive. */
export function deliveryAlerts(select: Select): Rule[] {
  return [outboxStuck(select), mailFailing(select)];
}

function outboxStuck(select: Select): Rule {
  return alert({
    name: 'CollabOutboxStuck',
    severity: 'warning',
    expr: `max ${byComponent} (${select('collab_outbox_oldest_seconds')}) > 120`,
    after: '1m',
    summary: `Events of {{ $labels.component }} in environment ${which} are not published`,
    description: `The oldest event of {{ $labels.component }} waits for {{ $value | humanizeDuration }}; nothing is lost, but mails, invitations and revoked rights are late. Is RabbitMQ there?`,
    command: `kubectl -n {{ $labels.namespace }} logs -l app.kubernetes.io/instance={{ $labels.environment }},app.kubernetes.io/name={{ $labels.component }} --tail=50`,
    dashboard: 'collabeditor-events',
  });
}

/**
 * Most attempts fail, unless the last ones worked: retries are up to an hour apart, so a count of attempts alone would go on long
 * after the mail server is back. Or mails were given up that are more than a few mistyped addresses.
 */
function mailFailing(select: Select): Rule {
  const handled = (results: string, window: string): string =>
    `sum ${byEnvironment} (increase(${select('collab_notifications_total', `result=~"${results}"`)}[${window}]))`;
  const share = (results: string, window: string): string =>
    `${handled(results, window)} / (${handled('sent|logged|retried|dead', window)} > 0)`;
  const failing = `${share('retried|dead', '15m')} > 0.5 and ${handled('retried|dead', '15m')} > 1.5`;
  const works = `max ${byEnvironment} (avg_over_time(${select('collab_store_up', 'store="smtp"')}[2m])) > 0.5`;
  const givenUp = `${share('dead', '30m')} > 0.05 and ${handled('dead', '30m')} > 2.5`;
  return alert({
    name: 'CollabMailFailing',
    severity: 'warning',
    expr: `((${failing}) unless on (namespace, environment) (${works})) or (${givenUp})`,
    after: '1m',
    summary: `Mails of environment ${which} are not delivered`,
    description: `{{ $value | humanizePercentage }} of the attempts to hand a mail over failed. New users can't verify their address and nobody can reset a password. What does the mail server answer?`,
    command: `kubectl -n {{ $labels.namespace }} logs -l app.kubernetes.io/instance={{ $labels.environment }},app.kubernetes.io/name=notification-service --tail=50`,
    dashboard: 'collabeditor-events',
  });
}
