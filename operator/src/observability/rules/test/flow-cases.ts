import { type Case, critical, warning } from './case.ts';
import { GIB, healthy, notifications, pods } from './healthy.ts';
import { counter, gauge, here, ofPod, type Segment, type Series, series } from './series.ts';

const outbox = (pod: string): string => ofPod('collab_outbox_oldest_seconds', 'document-service', {}, pod);
const outboxStuck = warning('CollabOutboxStuck', { ...here, component: 'document-service' });

/** Samples of the outbox as both replicas see it. */
const oldest = (values: string): Series => Object.fromEntries(pods.map((pod) => [outbox(pod), values]));

const outboxCases: readonly Case[] = [
  {
    name: 'outbox: RabbitMQ is away for six minutes, an event is written at once',
    series: { ...healthy(20), ...oldest('0.2x19 0+15x23 0.2x35') },
    firing: { 7: [], 9: [outboxStuck], 10.5: [outboxStuck], 11.5: [] },
  },
  {
    name: 'outbox: RabbitMQ is away for a minute and a half',
    series: { ...healthy(20), ...oldest('0.2x19 0+15x5 0.2x53') },
    firing: { 6: [], 7: [], 8: [], 10: [] },
  },
  {
    name: 'outbox: it is too old for half a minute',
    near: ['CollabOutboxStuck/warning'],
    series: { ...healthy(20), ...oldest('0.2x19 125x1 0.2x57') },
    firing: { 5.5: [], 6: [], 7: [] },
  },
];

/** What became of mails, a minute, of both replicas together. */
function mails(results: Readonly<Record<'sent' | 'retried' | 'dead', readonly Segment[]>>): Series {
  const all = Object.entries(results).flatMap(([result, segments]) => [
    [notifications(result, 'a'), counter(...segments)],
    [
      notifications(result, 'b'),
      counter(...segments.map(([minutes, rate]): Segment => [minutes, rate === null ? null : 0])),
    ],
  ]);
  return Object.fromEntries(all) as Series;
}

const mailFailing = warning('CollabMailFailing');
/** One mail's attempts at 10:00 and 5, 35 and 155 seconds later; the one after ten minutes works, or does not. */
const oneMail = (sixth: number, end: number): string => `0x39 2x1 3x7 4x${40 - 1} ${sixth}x${end}`;

const mailCases: readonly Case[] = [
  {
    name: 'mail: the server is away for six minutes, mails come all the time',
    series: {
      ...healthy(40),
      ...mails({
        sent: [
          [20, 4],
          [6, 0],
          [14, 5],
        ],
        retried: [
          [20, 0],
          [6, 8],
          [14, 0],
        ],
        dead: [[40, 0]],
      }),
    },
    firing: { 20.5: [], 24: [mailFailing], 26: [mailFailing], 29: [], 39: [] },
  },
  {
    name: 'mail: the server is away, and there is a single mail in the night, which arrives at last',
    series: {
      ...healthy(40),
      ...mails({ sent: [[40, 0]], retried: [[40, 0]], dead: [[40, 0]] }),
      [notifications('retried', 'a')]: oneMail(4, 70),
      [notifications('sent', 'b')]: '0x90 1x69',
    },
    firing: { 10: [], 13: [mailFailing], 19: [mailFailing], 22: [mailFailing], 24: [], 39: [] },
  },
  {
    name: 'mail: the server is away all night, and there is a single mail',
    series: {
      ...healthy(90),
      ...mails({ sent: [[90, 0]], retried: [[90, 0]], dead: [[90, 0]] }),
      [notifications('retried', 'a')]: oneMail(5, 270),
    },
    firing: { 13: [mailFailing], 45: [mailFailing], 75: [mailFailing] },
  },
  {
    name: 'mail: one attempt fails and the next one works',
    near: ['CollabMailFailing/warning'],
    series: {
      ...healthy(40),
      ...mails({ sent: [[40, 0]], retried: [[40, 0]], dead: [[40, 0]] }),
      [notifications('retried', 'a')]: '0x39 1x119',
      [notifications('sent', 'b')]: '0x39 1x119',
    },
    firing: { 10.5: [], 12: [], 14: [], 20: [], 39: [] },
  },
  {
    name: 'mail: many addresses refuse for good',
    series: {
      ...healthy(70),
      ...mails({
        sent: [[70, 1]],
        retried: [[70, 0]],
        dead: [
          [20, 0],
          [10, 0.5],
          [40, 0],
        ],
      }),
    },
    firing: { 20.5: [], 30: [mailFailing], 69: [] },
  },
  {
    name: 'mail: two users mistype their address',
    series: {
      ...healthy(40),
      ...mails({
        sent: [[40, 1]],
        retried: [[40, 0]],
        dead: [
          [10, 0],
          [4, 0.5],
          [26, 0],
        ],
      }),
    },
    firing: { 11: [], 15: [], 25: [], 39: [] },
  },
];

const resyncs = (...segments: readonly Segment[]): Series => ({
  [ofPod('collab_resyncs_total', 'realtime-service', { reason: 'stale' })]: counter(...segments),
});

const lag = (...segments: readonly Segment[]): Series => ({
  [ofPod('collab_replica_lag_seconds', 'realtime-service', {}, 'b')]: gauge(...segments),
});

const realtimeCases: readonly Case[] = [
  {
    name: 'resyncs: one for each fourth edit',
    series: { ...healthy(50), ...resyncs([10, 0], [20, 30], [20, 0]) },
    firing: { 15: [], 25: [warning('CollabResyncsHigh')], 36: [] },
  },
  {
    name: 'resyncs: a rollout makes all sessions come again',
    near: ['CollabResyncsHigh/warning'],
    series: { ...healthy(50), ...resyncs([10, 0], [2, 200], [38, 0]) },
    firing: { 11: [], 15: [], 18: [], 21: [], 30: [] },
  },
  {
    name: 'replica: it does not learn of new versions for five minutes',
    series: { ...healthy(20), [Object.keys(lag([1, 0]))[0] ?? '']: '0x19 0+15x19 0x39' },
    firing: { 5.5: [], 9: [warning('CollabReplicaLagging')], 10.5: [] },
  },
  {
    name: 'replica: it lags for 45 seconds',
    near: ['CollabReplicaLagging/warning'],
    series: { ...healthy(20), ...lag([5, 0], [0.75, 45], [14.25, 0]) },
    firing: { 5.5: [], 6: [], 7: [] },
  },
];

const nearlyFull = (component: string) => warning('CollabVolumeNearlyFull', { ...here, component });
const almostFull = (component: string) => [
  nearlyFull(component),
  critical('CollabVolumeNearlyFull', { ...here, component }),
];

const postgresFree = (...segments: readonly Segment[]): Series =>
  Object.fromEntries(
    pods.map((pod) => [ofPod('collab_postgres_volume_available_bytes', 'user-service', {}, pod), gauge(...segments)]),
  );

const rabbitmqFree = (...segments: readonly Segment[]): Series => ({
  [ofPod('rabbitmq_disk_space_available_bytes', 'rabbitmq', {}, '0')]: gauge(...segments),
});

const claim = (metric: string, name: string): string =>
  series(`kubelet_volume_stats_${metric}_bytes`, {
    job: 'kubelet',
    instance: 'node-1',
    namespace: here.namespace,
    persistentvolumeclaim: name,
  });

const volumeCases: readonly Case[] = [
  {
    name: "volume: PostgreSQL's fills, and is made larger",
    series: { ...healthy(30), ...postgresFree([5, 8 * GIB], [5, GIB], [5, 0.4 * GIB], [15, 8 * GIB]) },
    firing: { 5.5: [], 7: [nearlyFull('postgres')], 12: almostFull('postgres'), 16: [] },
  },
  {
    name: 'volume: it is nearly full for half a minute',
    near: ['CollabVolumeNearlyFull/warning', 'CollabVolumeNearlyFull/critical'],
    series: {
      ...healthy(20),
      ...postgresFree([5, 8 * GIB], [0.5, 0.1 * GIB], [14.5, 8 * GIB]),
      ...rabbitmqFree([5, GIB], [0.5, 1e8], [14.5, GIB]),
    },
    firing: { 5.5: [], 6: [], 7: [] },
  },
  {
    name: 'volume: PostgreSQL stops for want of space and says nothing more',
    series: { ...healthy(60), ...postgresFree([5, 8 * GIB], [1, 0], [24, null], [30, 5 * GIB]) },
    firing: { 5.5: [], 7: almostFull('postgres'), 29: almostFull('postgres'), 31: [] },
  },
  {
    name: "volume: RabbitMQ's fills, and its queues are emptied",
    series: { ...healthy(30), ...rabbitmqFree([5, 4 * GIB], [5, 7e8], [5, 2.5e8], [15, 4 * GIB]) },
    firing: { 5.5: [], 7: [nearlyFull('rabbitmq')], 12: almostFull('rabbitmq'), 16: [] },
  },
  {
    name: "volume: the kubelet tells of others; someone else's does not concern us",
    series: {
      ...healthy(20),
      [claim('available', 'data-team-loki-0')]: gauge([5, 4 * GIB], [5, GIB], [10, 4 * GIB]),
      [claim('capacity', 'data-team-loki-0')]: gauge([20, 8 * GIB]),
      [claim('available', 'data-strange-postgres-0')]: gauge([20, 1]),
      [claim('capacity', 'data-strange-postgres-0')]: gauge([20, 8 * GIB]),
      [claim('available', 'www')]: gauge([20, 1]),
      [claim('capacity', 'www')]: gauge([20, 8 * GIB]),
    },
    firing: { 5.5: [], 8: [nearlyFull('loki')], 11: [] },
  },
];

const created = (values: string): Series =>
  Object.fromEntries(
    pods.map((pod) => [ofPod('collab_signing_key_created_timestamp_seconds', 'user-service', {}, pod), values]),
  );

const keyCases: readonly Case[] = [
  {
    name: 'signing key: it is fourteen weeks old, and is replaced',
    series: { ...healthy(100), ...created(`-8467200x319 0x79`) },
    firing: { 30: [], 70: [warning('CollabSigningKeyOld')], 81: [] },
  },
  {
    name: 'signing key: it is thirteen weeks old and due to be replaced',
    near: ['CollabSigningKeyOld/warning'],
    series: { ...healthy(90), ...created('-7862400x359') },
    firing: { 30: [], 70: [], 89: [] },
  },
];

export const flowCases: readonly Case[] = [...outboxCases, ...mailCases, ...realtimeCases, ...volumeCases, ...keyCases];
