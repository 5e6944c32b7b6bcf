export { environmentRules } from './environment.ts';
export { operatorRules } from './operator.ts';
export type { AlertingRule, Rule, RuleGroup } from './types.ts';
