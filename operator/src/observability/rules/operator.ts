import { alert, which } from './alert.ts';
import type { Rule, RuleGroup, Severity } from './types.ts';

const CONTROLLER = 'collabeditor';
const operatorLog = 'kubectl -n collabeditor-system logs deployment/collabeditor-operator --tail=50';

/**
 * Rules about the operator and what it says of its resources. Its conditions carry the namespace of their resource, which must
 * survive the scrape (`honor_labels`).
 */
export function operatorRules(): RuleGroup[] {
  return [
    {
      name: 'collab-operator',
      interval: '30s',
      rules: [
        operatorDown(),
        notReconciling(),
        condition({
          name: 'CollabEnvironmentNotReady',
          expr: 'max by (namespace, name) (collabeditor_condition{type="Ready", status="True"}) == 0',
          after: '5m',
          summary: `Environment ${which} is not ready`,
          description:
            'Its condition Ready has not been True for five minutes. Its message names the object to look at.',
        }),
        condition({
          name: 'CollabEnvironmentDegraded',
          expr: 'max by (namespace, name) (collabeditor_condition{type="Degraded", status="True"}) == 1',
          after: '2m',
          summary: `Environment ${which} is degraded`,
          description:
            'Something is wrong with it that waiting alone does not put right, such as a rollout that can not go on; what ran before still runs. The message of its condition Degraded says what.',
        }),
        certificateExpiring('critical', 3),
        certificateExpiring('warning', 21),
      ],
    },
  ];
}

/** What exists only when a scrape has worked tells more than `up`, whose labels any program may have. */
function operatorDown(): Rule {
  return alert({
    name: 'CollabOperatorDown',
    severity: 'critical',
    expr: `absent(controller_runtime_active_workers{controller="${CONTROLLER}"})`,
    after: '2m',
    summary: 'The CollabEditor operator is down',
    description:
      'No replica of the operator has answered Prometheus for two minutes. Environments go on as they are, but nothing heals or changes. Is its pod running?',
    command: 'kubectl -n collabeditor-system get pods -l app.kubernetes.io/name=collabeditor-operator',
    dashboard: 'collabeditor-operator',
  });
}

/**
 * Every environment that is not paused is looked at each quarter of a minute, so three minutes without a success mean that there is
 * none to be had. A standby fills its queue but works on nothing: the queue counts as undrained where no replica's is empty.
 */
function notReconciling(): Rule {
  const succeeded = `sum(increase(controller_runtime_reconcile_total{controller="${CONTROLLER}", result!="error"}[3m]))`;
  const hasWork = `(count(collabeditor_condition{type="Paused", status="True"} == 0) > 0)`;
  const why = (reason: string, expr: string): string => `label_replace(${expr}, "reason", "${reason}", "", "")`;
  const queue = `workqueue_depth{name="${CONTROLLER}"}`;
  const running = `workqueue_longest_running_processor_seconds{name="${CONTROLLER}"}`;
  return alert({
    name: 'CollabOperatorNotReconciling',
    severity: 'warning',
    expr: [
      why('no reconcile succeeds', `(${succeeded} == 0 and ${hasWork})`),
      why('the queue is not drained', `min(min_over_time(${queue}[3m])) > 0`),
      why('a reconcile hangs', `max(${running}) > 180`),
      why('a watch is silent', 'max(watch_silence_seconds{component="operator"}) > 240'),
    ].join(' or '),
    after: '1m',
    summary: 'The CollabEditor operator does not reconcile',
    description:
      'The operator runs, but {{ $labels.reason }}. Environments go on as they are, but changes have no effect. What does its log say of the API server?',
    command: operatorLog,
    dashboard: 'collabeditor-operator',
  });
}

/** Conditions name the resource `name`; alerts name it `environment` like all others. */
function condition(about: { name: string; expr: string; after: string; summary: string; description: string }): Rule {
  return alert({
    ...about,
    severity: 'warning',
    expr: `max by (namespace, environment) (label_replace(${about.expr}, "environment", "$1", "name", "(.+)"))`,
    command: 'kubectl -n {{ $labels.namespace }} describe collabeditor {{ $labels.environment }}',
    dashboard: 'collabeditor-operator',
  });
}

function certificateExpiring(severity: Severity, days: number): Rule {
  const left = 'min by (namespace, name, secret) (collabeditor_certificate_expiry_timestamp_seconds) - time()';
  const renamed = `label_replace(${left}, "environment", "$1", "name", "(.+)")`;
  return alert({
    name: 'CollabCertificateExpiring',
    severity,
    expr: `min by (namespace, environment, secret) (${renamed}) < ${days} * 86400`,
    after: '10m',
    summary: `The certificate of environment ${which} runs out`,
    description: `The certificate in Secret {{ $labels.secret }} is valid for another {{ $value | humanizeDuration }}; browsers refuse it then. Why was it not renewed?`,
    command: 'kubectl -n {{ $labels.namespace }} describe certificate,secret {{ $labels.secret }}',
    dashboard: 'collabeditor-operator',
  });
}
