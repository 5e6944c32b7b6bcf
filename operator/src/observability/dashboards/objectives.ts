import { of, rate } from './selectors.ts';

/** A promise about a share of good events, and the PromQL that measures it from the services' own metrics. */
export interface Objective {
  readonly name: string;
  /** Share of events that are to be good. */
  readonly target: number;
  /** Bad events a second and all events a second over `window`. */
  readonly bad: (window: string) => string;
  readonly all: (window: string) => string;
}

const restRoutes = 'route!~"/ws/.*|/internal/.*"';
const upgrades = 'route=~"/ws/.*"';

export const edits: Objective = {
  name: 'Edits',
  target: 0.99,
  bad: (window) =>
    `(${edits.all(window)} - sum(${rate(of('collab_edit_ack_duration_seconds_bucket', 'le="0.5"'), window)}))`,
  all: (window) =>
    `(sum(${rate(of('collab_edit_ack_duration_seconds_count'), window)})` +
    ` + sum(${rate(of('collab_edits_total', 'result="unavailable"'), window)}))`,
};

export const rest: Objective = requests('REST', restRoutes);

export const webSockets: Objective = requests('WebSockets', upgrades);

/** Share of the events over `window` that were bad; 0 where there were none. */
export function badShare({ bad, all }: Objective, window: string): string {
  return `${bad(window)} / clamp_min(${all(window)}, 1e-9)`;
}

/** How many times faster than allowed the error budget is spent: at 1 it lasts exactly as long as the objective's period. */
export function burnRate(objective: Objective, window: string): string {
  return `${badShare(objective, window)} / ${budget(objective)}`;
}

/** Share of the error budget over `window` that is left; negative once it is overspent. */
export function budgetLeft(objective: Objective, window: string): string {
  return `1 - ${burnRate(objective, window)}`;
}

function requests(name: string, routes: string): Objective {
  const count = (matchers: string) => of('http_request_duration_seconds_count', matchers);
  return {
    name,
    target: 0.999,
    bad: (window) => `(sum(${rate(count(`${routes}, status=~"5.."`), window)}) or vector(0))`,
    all: (window) => `(sum(${rate(count(routes), window)}) or vector(0))`,
  };
}

function budget({ target }: Objective): number {
  return Number((1 - target).toFixed(6));
}
