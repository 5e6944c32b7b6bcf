import { serviceNames, storeNames } from '../api/types.ts';
import type { Observed, Problem } from './observed.ts';
import { specProblems } from './problems.ts';
import { serviceTroubles } from './services-available.ts';
import { troubles } from './trouble.ts';
import { no, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** Degraded: something is wrong that waiting alone will not put right. */
export function degraded(observed: Observed, now: string): Verdict {
  const found = allProblems(observed, now);
  const [first] = found;
  if (first === undefined) return no('AsExpected', 'Nothing is known to be wrong.');
  const others = found.length - 1;
  return yes(first.reason, others === 0 ? first.message : `${first.message} (and ${others} more)`);
}

/** Every known problem, the spec's own first. */
function allProblems(observed: Observed, now: string): Problem[] {
  return [
    ...specProblems(observed),
    ...observed.problems,
    ...storeNames.flatMap((store) => troubles(observed.pods, store, now)),
    ...storeNames.flatMap((store) => externalFailure(observed, store)),
    ...troubles(observed.pods, 'migrations', now),
    ...serviceNames.flatMap((service) => serviceTroubles(observed, service, now)),
  ];
}

/** A store of our own that doesn't answer is starting, or its pod tells why not; an external one is just away. */
function externalFailure({ resource, checks }: Observed, store: (typeof storeNames)[number]): Problem[] {
  const check = checks[store];
  return resource.spec[store].external !== undefined && check.state === 'failed' ? [check.problem] : [];
}
