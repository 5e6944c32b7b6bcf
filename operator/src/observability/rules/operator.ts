import type { RuleGroup } from './types.ts';

/** Rules about the operator and what it says of its resources. */
export function operatorRules(): RuleGroup[] {
  return [];
}
