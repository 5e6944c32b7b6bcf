import { objectives, type Objective } from '../rules/objectives.ts';
import { of } from './selectors.ts';

/** The objectives that alerts watch, by the same PromQL: what a panel shows is what fires. */
export { objectives, type Objective };

/** How many times faster than allowed the error budget is spent; at 1 it lasts for exactly the 30 days of the objective. */
export function burnRate({ bad, all, budgetPercent }: Objective, window: string): string {
  return `(${bad(of, window)}) / clamp_min(${all(of, window)}, 1e-9) / ${budgetPercent / 100}`;
}

/** Share of the error budget over `window` that is left; negative once it is overspent. */
export function budgetLeft(objective: Objective, window: string): string {
  return `1 - ${burnRate(objective, window)}`;
}

/** `99.9 %` */
export function promised({ budgetPercent }: Objective): string {
  return `${Number((100 - budgetPercent).toFixed(3))} %`;
}
