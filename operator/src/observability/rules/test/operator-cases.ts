import { type Case, critical, type Firing, warning } from './case.ts';
import { certificate, condition, depth, healthy, longest, ofStandby, reconciled, silence, workers } from './healthy.ts';
import { counter, elsewhere, gauge, here, type Segment, type Series } from './series.ts';

const DAY = 86_400;
const controller = 'collabeditor';
const otherWorkers = ofStandby('controller_runtime_active_workers', { controller });
const down = critical('CollabOperatorDown', { controller });

const runs = (...segments: readonly Segment[]): Series => ({
  [workers]: gauge(...segments),
  [otherWorkers]: gauge(...segments),
});

const downCases: readonly Case[] = [
  {
    name: 'operator: it is gone',
    series: { ...healthy(20), ...runs([5, 0], [5, null], [10, 0]) },
    firing: { 6.5: [], 8: [down], 10.5: [] },
  },
  { name: 'operator: it was never there', series: {}, firing: { 1: [], 3: [down] } },
  {
    name: 'operator: its only replica is replaced within a minute',
    near: ['CollabOperatorDown/critical'],
    series: { ...healthy(20), ...runs([5, 0], [1, null], [14, 0]) },
    firing: { 5.5: [], 6: [], 7.5: [], 9: [] },
  },
  {
    name: 'operator: the standby is away',
    series: { ...healthy(20), [otherWorkers]: gauge([5, 0], [15, null]) },
    firing: { 8: [], 19: [] },
  },
];

const notReconciling = (reason: string): Firing => warning('CollabOperatorNotReconciling', { reason });

const reconcileCases: readonly Case[] = [
  {
    name: 'operator: every reconcile fails',
    series: {
      ...healthy(30),
      [reconciled('requeue_after')]: counter([10, 4], [8, 0], [12, 4]),
      [reconciled('error')]: counter([10, 0], [8, 3], [12, 0]),
    },
    firing: { 12: [], 15: [notReconciling('no reconcile succeeds')], 19: [] },
  },
  {
    name: 'operator: reconciles fail for a minute and a half',
    near: ['CollabOperatorNotReconciling/warning'],
    series: {
      ...healthy(30),
      [reconciled('requeue_after')]: counter([10, 4], [1.5, 0], [18.5, 4]),
      [reconciled('error')]: counter([10, 0], [1.5, 3], [18.5, 0]),
    },
    firing: { 11: [], 12: [], 13: [], 15: [] },
  },
  {
    name: 'operator: every environment is paused, so there is nothing to do',
    series: {
      ...healthy(30),
      [reconciled('requeue_after')]: counter([30, 0]),
      [condition('Paused', 'True')]: gauge([30, 1]),
    },
    firing: { 6: [], 15: [], 29: [] },
  },
  {
    name: 'operator: there is no environment',
    series: {
      ...Object.fromEntries(Object.entries(healthy(30)).filter(([name]) => !name.includes('collabeditor_condition'))),
      [reconciled('requeue_after')]: counter([30, 0]),
    },
    firing: { 6: [], 15: [], 29: [] },
  },
  {
    name: 'operator: its queue is not drained',
    series: { ...healthy(30), [depth.leader]: gauge([10, 0], [6, 5], [14, 0]) },
    firing: { 12: [], 15: [notReconciling('the queue is not drained')], 17: [] },
  },
  {
    name: 'operator: its queue is full for a minute',
    series: { ...healthy(30), [depth.leader]: gauge([10, 0], [1, 50], [19, 0]) },
    firing: { 11: [], 12: [], 14: [] },
  },
  {
    name: 'operator: a reconcile hangs',
    series: { ...healthy(30), [longest]: '0x39 0+15x31 0x47' },
    firing: { 12: [], 15: [notReconciling('a reconcile hangs')], 18.5: [] },
  },
  {
    name: 'operator: a watch hears nothing',
    series: { ...healthy(30), [silence]: '40x39 40+15x31 40x47' },
    firing: { 12: [], 16: [notReconciling('a watch is silent')], 18.5: [] },
  },
];

/** A condition that has another status than on a good day for a while. */
function turns(type: string, from: string, to: string, minutes: readonly [number, number, number]): Series {
  const [before, during, after] = minutes;
  const usual = gauge([before, 1], [during, 0], [after, 1]);
  const other = gauge([before, 0], [during, 1], [after, 0]);
  return { [condition(type, from)]: usual, [condition(type, to)]: other };
}

const conditionCases: readonly Case[] = [
  ...['False', 'Unknown'].map((status): Case => ({
    name: `environment: Ready is ${status}`,
    series: { ...healthy(30), ...turns('Ready', 'True', status, [5, 10, 15]) },
    firing: { 9: [], 11: [warning('CollabEnvironmentNotReady')], 15.5: [] },
  })),
  {
    name: 'environment: it is not ready for four minutes',
    near: ['CollabEnvironmentNotReady/warning'],
    series: { ...healthy(30), ...turns('Ready', 'True', 'False', [5, 4, 21]) },
    firing: { 8: [], 9.5: [], 11: [] },
  },
  {
    name: 'environment: a rollout is broken',
    series: { ...healthy(30), ...turns('Degraded', 'False', 'True', [5, 5, 20]) },
    firing: { 6: [], 8: [warning('CollabEnvironmentDegraded')], 10.5: [] },
  },
  {
    name: 'environment: it is degraded for a minute and a half',
    near: ['CollabEnvironmentDegraded/warning'],
    series: { ...healthy(30), ...turns('Degraded', 'False', 'True', [5, 1.5, 23.5]) },
    firing: { 6: [], 7: [], 8: [] },
  },
  {
    name: 'environment: another one of the namespace is not ready and degraded',
    series: {
      ...healthy(20),
      [condition('Ready', 'True', elsewhere)]: gauge([20, 0]),
      [condition('Degraded', 'True', elsewhere)]: gauge([20, 1]),
    },
    firing: {
      10: [warning('CollabEnvironmentNotReady', elsewhere), warning('CollabEnvironmentDegraded', elsewhere)],
    },
  },
];

const tls = { ...here, secret: 'team-tls' };

const certificateCases: readonly Case[] = [
  {
    name: 'certificate: it is valid for another twenty days, then for two, and is renewed',
    series: { ...healthy(90), [certificate]: gauge([30, 20 * DAY], [30, 2 * DAY], [30, 90 * DAY]) },
    firing: {
      5: [],
      15: [warning('CollabCertificateExpiring', tls)],
      45: [warning('CollabCertificateExpiring', tls), critical('CollabCertificateExpiring', tls)],
      61: [],
    },
  },
  {
    name: 'certificate: it is read wrong for five minutes',
    near: ['CollabCertificateExpiring/warning', 'CollabCertificateExpiring/critical'],
    series: { ...healthy(40), [certificate]: gauge([10, 60 * DAY], [5, 0], [25, 60 * DAY]) },
    firing: { 12: [], 16: [], 25: [] },
  },
];

export const operatorCases: readonly Case[] = [...downCases, ...reconcileCases, ...conditionCases, ...certificateCases];
