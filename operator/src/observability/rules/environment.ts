import type { RuleGroup, RuleTarget } from './types.ts';

/** Rules about environments. With a target every selector is restricted to it. */
export function environmentRules(_target: RuleTarget): RuleGroup[] {
  return [];
}
