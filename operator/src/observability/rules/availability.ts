import { alert, which } from './alert.ts';
import { byComponent, byEnvironment, type Select, services } from './select.ts';
import type { Rule, Severity } from './types.ts';

/** Services and stores that do not answer. */
export function availabilityAlerts(select: Select): Rule[] {
  return [
    serviceDown(select),
    storeDown(select, 'critical', 'postgres'),
    storeDown(select, 'warning', 'redis|rabbitmq'),
  ];
}

/**
 * A service without pods has no targets, so no `up` either: a service that had targets within the last day and has none that is up
 * is down. An environment without any target is not down but deleted.
 */
function serviceDown(select: Select): Rule {
  const up = select('up', `component=~"${services}"`);
  const hadTargets = `max ${byComponent} (max_over_time(${up}[1d]))`;
  const isUp = `max ${byComponent} (${up} == 1)`;
  const isThere = `group ${byEnvironment} (${select('up')})`;
  return alert({
    name: 'CollabServiceDown',
    severity: 'critical',
    expr: `(${hadTargets} unless ${isUp}) and on (namespace, environment) ${isThere}`,
    after: '1m',
    summary: `{{ $labels.component }} of environment ${which} is down`,
    description: `No replica of {{ $labels.component }} has answered Prometheus for a minute. Are there pods, and why are they not running?`,
    command: `kubectl -n {{ $labels.namespace }} get pods -l app.kubernetes.io/instance={{ $labels.environment }},app.kubernetes.io/name={{ $labels.component }}`,
    dashboard: 'collabeditor-overview',
  });
}

/** One alert a store, not one a service. A store that only some replicas of a service miss is a matter of those replicas. */
function storeDown(select: Select, severity: Severity, stores: string): Rule {
  const bestView = `max by (namespace, environment, component, store) (${select('collab_store_up', `store=~"${stores}"`)})`;
  return alert({
    name: 'CollabStoreDown',
    severity,
    expr: `count by (namespace, environment, store) (${bestView} == 0)`,
    after: '1m',
    summary: `{{ $labels.store }} of environment ${which} is away`,
    description: `No replica of {{ $value }} services reaches {{ $labels.store }}. Is its pod running, or, if it is external, what does condition Degraded say?`,
    command: `kubectl -n {{ $labels.namespace }} describe pod -l app.kubernetes.io/instance={{ $labels.environment }},app.kubernetes.io/name={{ $labels.store }}`,
    dashboard: 'collabeditor-stores',
  });
}
