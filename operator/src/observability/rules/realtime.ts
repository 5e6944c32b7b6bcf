import { alert, which } from './alert.ts';
import { byEnvironment, type Select } from './select.ts';
import type { Rule } from './types.ts';

/** Sessions that see something else than the log says. */
export function realtimeAlerts(select: Select): Rule[] {
  return [resyncsHigh(select), replicaLagging(select)];
}

/** A rollout makes many sessions resume at once, in a minute or two: only what goes on for longer is told. */
function resyncsHigh(select: Select): Rule {
  const resyncs = `sum ${byEnvironment} (rate(${select('collab_resyncs_total')}[5m]))`;
  const edits = `sum ${byEnvironment} (rate(${select('collab_edits_total')}[5m]))`;
  return alert({
    name: 'CollabResyncsHigh',
    severity: 'warning',
    expr: `${resyncs} / (${edits} > 0) > 0.05 and ${resyncs} * 300 >= 20`,
    after: '10m',
    summary: `Sessions of environment ${which} get whole texts too often`,
    description: `For each edit {{ $value | humanize }} whole texts are sent to sessions that lost the thread; up to 0.05 are normal. Which reason is it: stale, slow or resume?`,
    command: `kubectl -n {{ $labels.namespace }} logs -l app.kubernetes.io/instance={{ $labels.environment }},app.kubernetes.io/name=realtime-service --tail=50`,
    dashboard: 'collabeditor-realtime',
  });
}

function replicaLagging(select: Select): Rule {
  return alert({
    name: 'CollabReplicaLagging',
    severity: 'warning',
    expr: `max ${byEnvironment} (${select('collab_replica_lag_seconds')}) > 30`,
    after: '1m',
    summary: `A realtime replica of environment ${which} shows an old text`,
    description: `A document has been behind its newest committed version for {{ $value | humanizeDuration }} on a replica. Can that replica read from PostgreSQL?`,
    command: `kubectl -n {{ $labels.namespace }} logs -l app.kubernetes.io/instance={{ $labels.environment }},app.kubernetes.io/name=realtime-service --prefix --tail=50`,
    dashboard: 'collabeditor-realtime',
  });
}
