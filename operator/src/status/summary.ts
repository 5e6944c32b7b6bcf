/** Ready, Progressing and Paused: what the stages come to. */
import { stages } from '../api/schema-status.ts';
import type { Stage } from '../api/types.ts';
import type { Observed, Problem } from './observed.ts';
import { specProblems } from './problems.ts';
import { no, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export type StageVerdicts = Readonly<Record<Stage, Verdict>>;

/** Monitoring alone does not keep anyone from editing. */
const required = stages.filter((stage) => stage !== 'MonitoringReady');

export function ready(verdicts: StageVerdicts, observed: Observed): Verdict {
  const open = firstOpen(verdicts, required);
  if (open === null) return yes('Ready', 'The environment can be used.');
  const blocker = blockerOf(observed);
  return blocker === null ? no(open.reason, `${open.stage}: ${open.message}`) : no(blocker.reason, blocker.message);
}

export function progressing(verdicts: StageVerdicts, observed: Observed): Verdict {
  if (observed.resource.spec.paused) return no('Paused', 'spec.paused is true: nothing is changed.');
  const open = firstOpen(verdicts, stages);
  if (open === null) return no('Complete', 'The environment is as the spec wants it.');
  const blocker = blockerOf(observed);
  return blocker === null ? yes(open.reason, `${open.stage}: ${open.message}`) : no(blocker.reason, blocker.message);
}

/** The problem for which the rollout does not go on. */
function blockerOf(observed: Observed): Problem | null {
  return specProblems(observed).find(({ blocks }) => blocks) ?? observed.problems[0] ?? null;
}

export function paused({ resource, drift }: Observed): Verdict {
  if (!resource.spec.paused) return no('Reconciling', 'The operator keeps the environment as the spec wants it.');
  const differences = drift.length === 0 ? 'nothing differs' : `${drift.length} differences are in status.drift`;
  return yes('Paused', `spec.paused is true: the operator changes nothing; ${differences}.`);
}

function firstOpen(verdicts: StageVerdicts, among: readonly Stage[]): (Verdict & { stage: Stage }) | null {
  const stage = among.find((candidate) => verdicts[candidate].status !== 'True');
  return stage === undefined ? null : { stage, ...verdicts[stage] };
}
