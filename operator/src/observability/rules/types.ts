/** Whose series the rules look at: one environment's, or those of every environment that a Prometheus sees. */
export type RuleTarget = { readonly namespace: string; readonly environment: string } | 'all';

/** How much it hurts: `critical` means that users are hurt now. */
export type Severity = 'critical' | 'warning';

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>> & { readonly severity: Severity };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
    /** Uid of a dashboard of `config/dashboards`. */
    readonly dashboard: string;
  };
}

export type Rule = RecordingRule | AlertingRule;

/** A group in the shape of Prometheus' rule files and of PrometheusRule's `spec.groups`. */
export interface RuleGroup {
  readonly name: string;
  readonly interval?: string;
  readonly rules: readonly Rule[];
}
