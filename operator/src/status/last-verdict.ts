import type { Stage } from '../api/types.ts';
import type { Observed } from './observed.ts';
import { no, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** What the resource's status says of a stage by now, or null where it says nothing. */
export function lastVerdict({ resource }: Observed, stage: Stage): Verdict | null {
  const last = resource.status?.conditions?.find(({ type }) => type === stage);
  if (last === undefined) return null;
  return last.status === 'True' ? yes(last.reason, last.message) : no(last.reason, last.message);
}
