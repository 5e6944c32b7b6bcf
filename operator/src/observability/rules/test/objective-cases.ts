import { type Case, critical, warning } from './case.ts';
import { acknowledged, healthy, pods, request, upgrade } from './healthy.ts';
import { counter, ofPod, type Segment, type Series } from './series.ts';

/** Edits of each of two replicas, a minute: acknowledged, of these in time, and answered `unavailable`. */
function edits(all: readonly Segment[], inTime: readonly Segment[], unavailable: readonly Segment[]): Series {
  const total = (result: string, pod: string): string =>
    ofPod('collab_edits_total', 'realtime-service', { result }, pod);
  const of = (pod: string): Series => ({
    ...acknowledged(all, inTime, pod),
    [total('accepted', pod)]: counter(...all),
    [total('unavailable', pod)]: counter(...unavailable),
  });
  return pods.reduce((series, pod) => ({ ...series, ...of(pod) }), {});
}

/** Each author waits up to ten seconds for the answer to one edit: 60 good ones a minute become 6 bad ones. */
function withoutPostgres(before: number, away: number, after: number): Series {
  const good: Segment[] = [
    [before, 60],
    [away, 0],
    [after, 60],
  ];
  return edits(good, good, [
    [before, 0],
    [away, 6],
    [after, 0],
  ]);
}

const failing = 'CollabEditsFailingOrSlow';

const editCases: readonly Case[] = [
  {
    name: 'edits: PostgreSQL is away for six minutes, after an hour of work',
    series: { ...healthy(130), ...withoutPostgres(70, 6, 54) },
    firing: { 71: [], 74: [critical(failing)], 76: [critical(failing)], 78.5: [], 100: [], 105.5: [], 125: [] },
  },
  {
    name: 'edits: PostgreSQL is away for six minutes, in a young environment',
    series: { ...healthy(30), ...withoutPostgres(10, 6, 14) },
    firing: { 10.5: [], 14: [critical(failing)], 18.5: [] },
  },
  {
    name: 'edits: PostgreSQL is started again and away for a minute',
    near: [`${failing}/critical`],
    series: { ...healthy(30), ...withoutPostgres(10, 1, 19) },
    firing: { 10.5: [], 11.5: [], 12.5: [], 14: [], 20: [] },
  },
  {
    name: 'edits: a fifth of them is slow',
    series: {
      ...healthy(120),
      ...edits(
        [[120, 60]],
        [
          [10, 60],
          [70, 48],
          [40, 60],
        ],
        [[120, 0]],
      ),
    },
    firing: { 11: [], 65: [critical(failing), warning(failing)], 83: [warning(failing)], 119: [] },
  },
  {
    name: 'edits: eight of a hundred are slow for hours',
    series: {
      ...healthy(210),
      ...edits(
        [[210, 60]],
        [
          [30, 60],
          [130, 55],
          [50, 60],
        ],
        [[210, 0]],
      ),
    },
    firing: { 65: [], 158: [warning(failing)], 209: [] },
  },
  {
    name: 'edits: four slow ones in a quiet night',
    near: [`${failing}/critical`, `${failing}/warning`],
    series: {
      ...healthy(60),
      ...edits(
        [
          [20, 0],
          [1, 2],
          [39, 0],
        ],
        [[60, 0]],
        [[60, 0]],
      ),
    },
    firing: { 21: [], 22: [], 24: [], 59: [] },
  },
];

interface Requests {
  readonly alert: string;
  readonly what: string;
  readonly good: string;
  readonly bad: string;
}

/** The same story for both kinds of requests: 120 a minute. */
function requestCases({ alert, what, good, bad }: Requests): readonly Case[] {
  const play = (minutes: number, good_: readonly Segment[], bad_: readonly Segment[]): Series => ({
    ...healthy(minutes),
    [good]: counter(...good_),
    [bad]: counter(...bad_),
  });
  return [
    {
      name: `${what}: all fail for six minutes, after an hour of work`,
      series: play(
        130,
        [
          [70, 120],
          [6, 0],
          [54, 120],
        ],
        [
          [70, 0],
          [6, 120],
          [54, 0],
        ],
      ),
      firing: { 71: [], 74: [critical(alert)], 76: [critical(alert)], 79: [], 100: [], 105.5: [], 125: [] },
    },
    {
      name: `${what}: all fail for half a minute`,
      near: [`${alert}/critical`],
      series: play(
        90,
        [
          [70, 120],
          [0.5, 0],
          [19.5, 120],
        ],
        [
          [70, 0],
          [0.5, 120],
          [19.5, 0],
        ],
      ),
      firing: { 70.5: [], 71: [], 72: [], 73: [], 76: [], 89: [] },
    },
    {
      name: `${what}: a few of each hundred fail for hours`,
      series: play(
        190,
        [
          [30, 120],
          [120, 118.4],
          [40, 120],
        ],
        [
          [30, 0],
          [120, 1.6],
          [40, 0],
        ],
      ),
      firing: { 55: [], 148: [warning(alert)], 188: [] },
    },
    {
      name: `${what}: one of a few fails in a quiet night`,
      near: [`${alert}/critical`, `${alert}/warning`],
      series: play(
        60,
        [
          [20, 0],
          [10, 0.4],
          [30, 0],
        ],
        [
          [20, 0],
          [1, 1],
          [39, 0],
        ],
      ),
      firing: { 20.5: [], 22: [], 24: [], 40: [], 59: [] },
    },
  ];
}

export const objectiveCases: readonly Case[] = [
  ...editCases,
  ...requestCases({
    alert: 'CollabRestErrors',
    what: 'REST',
    good: request('document-service', '/documents/{id}', '200'),
    bad: request('document-service', '/documents/{id}', '503'),
  }),
  ...requestCases({
    alert: 'CollabWebSocketErrors',
    what: 'WebSocket',
    good: request('realtime-service', upgrade, '101'),
    bad: request('realtime-service', upgrade, '503'),
  }),
];
