export { environmentRules } from './environment.ts';
export { operatorRules } from './operator.ts';
export type { AlertingRule, RecordingRule, Rule, RuleGroup, RuleTarget, Severity } from './types.ts';
