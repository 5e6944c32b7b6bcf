import type { AlertingRule, Severity } from './types.ts';

interface Alert {
  readonly name: string;
  readonly severity: Severity;
  readonly expr: string;
  /** How long it must be true. */
  readonly after: string;
  readonly summary: string;
  /** What is measured, then what to look at first; sentences. */
  readonly description: string;
  /** One command to begin with. */
  readonly command: string;
  /** Uid of the dashboard that shows it. */
  readonly dashboard: string;
}

const runbooks = 'https://github.com/collabeditor/collabeditor/blob/main/docs/runbooks';

/** The environment that an alert is about, in its annotations. */
export const which = '{{ $labels.namespace }}/{{ $labels.environment }}';

/** An alert with what its reader needs at night. */
export function alert({ name, severity, expr, after, ...about }: Alert): AlertingRule {
  return {
    alert: name,
    expr,
    for: after,
    labels: { severity },
    annotations: {
      summary: about.summary,
      description: `${about.description} Start with: ${about.command}`,
      runbook_url: `${runbooks}/${name}.md`,
      dashboard: about.dashboard,
    },
  };
}
