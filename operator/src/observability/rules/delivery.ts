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
 * Most of the newest attempts fail; or there are no newest, because a mail is tried at growing intervals, and most before failed, or
 * all since before the longest interval. Or mails were given up, and more than a few mistyped addresses make.
 */
function mailFailing(select: Select): Rule {
  const handled = (results: string, window: string): string =>
    `sum ${byEnvironment} (increase(${select('collab_notifications_total', `result=~"${results}"`)}[${window}]))`;
  const share = (results: string, window: string): string =>
    `${handled(results, window)} / (${handled('sent|retried|dead', window)} > 0)`;
  const failed = (window: string, most: string): string =>
    `${share('retried|dead', window)} ${most} and ${handled('retried|dead', window)} > 1.5`;
  const failing = `${failed('3m', '> 0.5')} or ${failed('15m', '> 0.5')} or ${failed('70m', '== 1')}`;
  const newestWork = `${share('retried|dead', '3m')} <= 0.5`;
  const givenUp = `${share('dead', '30m')} > 0.05 and ${handled('dead', '30m')} > 2.5`;
  return alert({
    name: 'CollabMailFailing',
    severity: 'warning',
    expr: `((${failing}) unless ${newestWork}) or ${givenUp}`,
    after: '1m',
    summary: `Mails of environment ${which} are not delivered`,
    description: `{{ $value | humanizePercentage }} of the attempts to hand a mail over failed. New users can't verify their address and nobody can reset a password. What does the mail server answer?`,
    command: `kubectl -n {{ $labels.namespace }} logs -l app.kubernetes.io/instance={{ $labels.environment }},app.kubernetes.io/name=notification-service --tail=50`,
    dashboard: 'collabeditor-events',
  });
}
