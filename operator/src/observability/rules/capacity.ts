import { alert, which } from './alert.ts';
import { byComponent, byEnvironment, type Select } from './select.ts';
import type { RecordingRule, Rule, RuleTarget, Severity } from './types.ts';

const FREE = 'collab:volume_free:ratio';
const RABBITMQ_FREE = 'collab:rabbitmq_disk_free:limits';

/**
 * Free share of each volume but RabbitMQ's: as the kubelet says where its metrics are collected, else as PostgreSQL says of its
 * own. A PostgreSQL whose volume is full says nothing more; then its last word stands for an hour.
 */
export function capacityRecords(select: Select, target: RuleTarget): RecordingRule[] {
  const [available, size] = ['collab_postgres_volume_available_bytes', 'collab_postgres_volume_size_bytes'];
  const isThere = `and on (namespace, environment) group ${byEnvironment} (${select('up')})`;
  const postgres = (share: string): string => labelled('component', 'postgres', `min ${byEnvironment} (${share})`);
  const now = postgres(`${select(available)} / ${select(size)}`);
  const last = postgres(`last_over_time(${select(available)}[1h]) / last_over_time(${select(size)}[1h])`);
  const [left, limit] = ['rabbitmq_disk_space_available_bytes', 'rabbitmq_disk_space_available_limit_bytes'];
  return [
    { record: FREE, expr: `(${kubeletShare(target)} or ${now} or ${last}) ${isThere}` },
    { record: RABBITMQ_FREE, expr: `min ${byComponent} (${select(left)} / ${select(limit)})` },
  ];
}

/** A claim of a StatefulSet is named after the environment and the component. */
function kubeletShare(target: RuleTarget): string {
  const components = '(postgres|redis|prometheus|loki)';
  const environment = target === 'all' ? '(.+)' : `(${target.environment})`;
  const claim = `data-${environment}-${components}-0`;
  const namespace = target === 'all' ? '' : `namespace="${target.namespace}", `;
  const metric = (name: string): string => `${name}{${namespace}persistentvolumeclaim=~"${claim}"}`;
  const share = `${metric('kubelet_volume_stats_available_bytes')} / ${metric('kubelet_volume_stats_capacity_bytes')}`;
  const from = (label: string, group: number, value: string): string =>
    `label_replace(${value}, "${label}", "$${group}", "persistentvolumeclaim", "${claim}")`;
  return `min ${byComponent} (${from('component', 2, from('environment', 1, share))})`;
}

function labelled(label: string, text: string, value: string): string {
  return `label_replace(${value}, "${label}", "${text}", "", "")`;
}

export function capacityAlerts(select: Select): Rule[] {
  return [
    volumeNearlyFull(select, 'critical', { share: 0.05, limits: 1.5 }),
    volumeNearlyFull(select, 'warning', { share: 0.15, limits: 4 }),
    signingKeyOld(select),
  ];
}

/** RabbitMQ blocks whoever publishes at its limit, however large its volume is; so that is what it is measured by. */
function volumeNearlyFull(select: Select, severity: Severity, below: { share: number; limits: number }): Rule {
  return alert({
    name: 'CollabVolumeNearlyFull',
    severity,
    expr: `${select(FREE)} < ${below.share} or ${select(RABBITMQ_FREE)} < ${below.limits}`,
    after: '1m',
    summary: `The volume of {{ $labels.component }} in environment ${which} is nearly full`,
    description: `{{ if eq $labels.component "rabbitmq" }}RabbitMQ has {{ $value | humanize }} times the space at which it takes no more messages.{{ else }}{{ $value | humanizePercentage }} of the volume of {{ $labels.component }} are free.{{ end }} What takes the space, and can the volume grow?`,
    command:
      'kubectl -n {{ $labels.namespace }} get persistentvolumeclaims -l app.kubernetes.io/instance={{ $labels.environment }}',
    dashboard: 'collabeditor-stores',
  });
}

/** A week after the default age at which a key is replaced. */
function signingKeyOld(select: Select): Rule {
  return alert({
    name: 'CollabSigningKeyOld',
    severity: 'warning',
    expr: `(time() - max ${byEnvironment} (${select('collab_signing_key_created_timestamp_seconds')})) > 97 * 86400`,
    after: '1h',
    summary: `The key that signs access tokens of environment ${which} is old`,
    description: `It is {{ $value | humanizeDuration }} old; the default is to replace it after 90 days. Nothing is broken. Was it meant to be replaced?`,
    command: `kubectl -n {{ $labels.namespace }} get collabeditor {{ $labels.environment }} -o jsonpath='{.spec.auth}'`,
    dashboard: 'collabeditor-overview',
  });
}
