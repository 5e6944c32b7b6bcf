import { alert, which } from './alert.ts';
import { type Objective, objectives } from './objectives.ts';
import type { Select } from './select.ts';
import type { RecordingRule, Rule } from './types.ts';

/**
 * Multi-window, multi-burn-rate alerts.
 *
 * critical: budget of 30 days gone within two days at this pace (14.4×), by the last hour, by the last five minutes, and still by
 *           the last two, so that it ends soon after the fault.
 * warning:  gone within five days (6×), by the last six hours and by the last half hour. It waits for longer than the half hour
 *           that an outage stays in the window: what was critical and is over does not come back as a warning.
 */
const FAST = 14.4;
const SLOW = 6;
/** Fewer failures than this, in five minutes or in six hours, are no case for a person, however large a share they are at night. */
const FEWEST_FAST = 5;
const FEWEST_SLOW = 10;
/** Share of closed-loop events that failed in an outage which users feel as a whole one. */
const OUTAGE = 0.5;

/** Seconds between two evaluations, and so between two samples of a record. */
export const EVALUATION_SECONDS = 30;

const longWindows = { '30m': 1800, '1h': 3600, '6h': 21_600 } as const;

/**
 * Shares of bad events over the windows. There are few series of bad events and many of good ones, so over a long window the bad are
 * counted themselves, which tells of a fault at once, and all are added up from samples of their rate, which is cheap.
 */
export function objectiveRecords(select: Select): RecordingRule[] {
  return objectives.flatMap((objective) => {
    const { bad, all, key } = objective;
    const share = (window: string, badEvents: string, allEvents: string): RecordingRule => ({
      record: `collab:${key}:ratio_rate${window}`,
      expr: `(${badEvents}) / ((${allEvents}) > 0)`,
    });
    const badRate = `collab:${key}:bad_rate5m`;
    const allRate = `collab:${key}:all_rate5m`;
    return [
      { record: allRate, expr: all(select, '5m') },
      { record: badRate, expr: bad(select, '5m') },
      share('2m', bad(select, '2m'), all(select, '2m')),
      share('5m', select(badRate), select(allRate)),
      ...Object.entries(longWindows).map(([window, seconds]) =>
        share(
          window,
          `(${bad(select, window, `0 * ${select(allRate)}`)}) * ${seconds / EVALUATION_SECONDS}`,
          `sum_over_time(${select(allRate)}[${window}])`,
        ),
      ),
    ];
  });
}

export function objectiveAlerts(select: Select): Rule[] {
  return objectives.flatMap((objective) => [critical(objective, select), warning(objective, select)]);
}

function critical(objective: Objective, select: Select): Rule {
  const { key, budgetPercent, isClosedLoop } = objective;
  const ratio = (window: string): string => select(`collab:${key}:ratio_rate${window}`);
  const limit = bound(budgetPercent, FAST);
  const burning = `${ratio('1h')} > ${limit} and ${ratio('5m')} > ${limit} and ${ratio('2m')} > ${limit}`;
  const fails = isClosedLoop ? `${burning} or ${ratio('2m')} > ${OUTAGE}` : burning;
  return alert({
    ...worded(objective),
    severity: 'critical',
    expr: `${ratio('2m')} and on (namespace, environment) (${fails}) and on (namespace, environment) ${select(`collab:${key}:bad_rate5m`)} * 300 >= ${FEWEST_FAST}`,
    after: isClosedLoop ? '1m' : '2m',
    summary: `Many ${objective.events} fail in environment ${which}`,
    description: `{{ $value | humanizePercentage }} of the ${objective.events} of the last two minutes ${objective.badness}; ${budgetPercent} % are in the budget. ${objective.firstLook}`,
  });
}

function warning(objective: Objective, select: Select): Rule {
  const { key, budgetPercent } = objective;
  const ratio = (window: string): string => select(`collab:${key}:ratio_rate${window}`);
  const limit = bound(budgetPercent, SLOW);
  const failures = `(${objective.bad(select, '6h', `0 * ${select(`collab:${key}:all_rate5m`)}`)}) * ${longWindows['6h']}`;
  return alert({
    ...worded(objective),
    severity: 'warning',
    expr: `${ratio('30m')} > ${limit} and ${ratio('6h')} > ${limit} and ${failures} >= ${FEWEST_SLOW}`,
    after: '45m',
    summary: `Too many ${objective.events} fail in environment ${which}`,
    description: `{{ $value | humanizePercentage }} of the ${objective.events} of the last half hour ${objective.badness}; ${budgetPercent} % are in the budget. ${objective.firstLook}`,
  });
}

function worded({ alert: name, dashboard, command }: Objective) {
  return { name, dashboard, command };
}

function bound(budgetPercent: number, rate: number): number {
  return Number(((budgetPercent / 100) * rate).toFixed(6));
}
