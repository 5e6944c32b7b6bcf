import { serviceNames } from '../api/types.ts';
import { child } from './child.ts';
import { selectorOf } from './labels.ts';
import { serviceName } from './names.ts';
import type { DesiredInput, Manifest } from './types.ts';

/** At most one pod of a service leaves at a time; `minAvailable` would block the drain of a node under a single replica. */
export function disruptionBudgets({ resource }: DesiredInput): Manifest[] {
  return serviceNames.map((service) => {
    const about = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      name: serviceName(resource, service),
      component: `${service}-service`,
      role: 'service',
    } as const;
    return child(resource, about, {
      spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(resource, `${service}-service`) } },
    });
  });
}
