/** Ready, Progressing and Paused: what the stages come to. */
import { stages } from '../api/schema-status.ts';
import type { Stage } from '../api/types.ts';
import type { Observed } from './observed.ts';
import { no, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export type StageVerdicts = Readonly<Record<Stage, Verdict>>;

/** Monitoring alone does not keep anyone from editing. */
const required = stages.filter((stage) => stage !== 'MonitoringReady');

export function ready(verdicts: StageVerdicts): Verdict {
  const open = firstOpen(verdicts, required);
  if (open === null) return yes('Ready', 'The environment can be used.');
  return no(open.reason, `${open.stage}: ${open.message}`);
}

export function progressing(verdicts: StageVerdicts, { resource }: Observed): Verdict {
  if (resource.spec.paused) return no('Paused', 'spec.paused is true: nothing is changed.');
  const open = firstOpen(verdicts, stages);
  if (open === null) return no('Complete', 'The environment is as the spec wants it.');
  return yes(open.reason, `${open.stage}: ${open.message}`);
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
