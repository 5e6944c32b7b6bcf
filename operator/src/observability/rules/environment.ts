import { availabilityAlerts } from './availability.ts';
import { EVALUATION_SECONDS, objectiveAlerts, objectiveRecords } from './burn-rates.ts';
import { capacityAlerts, capacityRecords } from './capacity.ts';
import { deliveryAlerts } from './delivery.ts';
import { realtimeAlerts } from './realtime.ts';
import { selectOf } from './select.ts';
import type { RuleGroup, RuleTarget } from './types.ts';

const interval = `${EVALUATION_SECONDS}s`;

/**
 * Rules about environments. With a target every selector is restricted to it.
 *
 * Records stand before the alerts that read them in one group, whose rules are evaluated one after the other: an alert never lags
 * behind its records by an interval.
 */
export function environmentRules(target: RuleTarget): RuleGroup[] {
  const select = selectOf(target);
  return [
    { name: 'collab-objectives', interval, rules: [...objectiveRecords(select), ...objectiveAlerts(select)] },
    {
      name: 'collab-environment',
      interval,
      rules: [
        ...capacityRecords(select, target),
        ...availabilityAlerts(select),
        ...deliveryAlerts(select),
        ...realtimeAlerts(select),
        ...capacityAlerts(select),
      ],
    },
  ];
}
