import type { RuleTarget } from './types.ts';

/** Labels that say which environment a series belongs to. */
export const byEnvironment = 'by (namespace, environment)';

/** The same, and which of its components. */
export const byComponent = 'by (namespace, environment, component)';

export const services = '(user|document|realtime|notification)-service';

/** Names series of one target. */
export type Select = (metric: string, matchers?: string) => string;

/** Restricts every selector to the target; of all environments it takes what belongs to one at all. */
export function selectOf(target: RuleTarget): Select {
  const whose =
    target === 'all' ? 'environment!=""' : `namespace="${target.namespace}", environment="${target.environment}"`;
  return (metric, matchers) => `${metric}{${whose}${matchers === undefined ? '' : `, ${matchers}`}}`;
}
