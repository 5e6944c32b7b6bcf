/**
 * The durable objects of the broker, as data. The operator declares them on a cluster, the harness in tests and `npm run dev`;
 * services only use them. Limits and dead letters are policies, since a queue's arguments can't change after it is declared.
 */

/** Topic exchange of all events; routing key = event type. */
export const EXCHANGE = 'collab.events';

export const QUEUES = {
  notifications: 'notifications',
  notificationsDead: 'notifications.dead',
  users: 'users',
  documents: 'documents',
} as const;

/** How long a notification waits in each retry queue. */
export const RETRY_DELAYS_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000] as const;

/** Name of the retry queue of the n-th attempt, counted from 1. */
export function retryQueue(attempt: number): string {
  return `${QUEUES.notifications}.retry.${attempt}`;
}

/** Binding patterns of a realtime replica's own exclusive queue. */
export const REALTIME_BINDINGS = ['permission.*', 'document.deleted', 'document.restored', 'user.deleted'] as const;

export interface QueueDefinition {
  readonly name: string;
  readonly durable: true;
  readonly arguments: Readonly<Record<string, string>>;
}

export interface BindingDefinition {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
}

export interface PolicyDefinition {
  readonly name: string;
  /** Regular expression on queue names. */
  readonly pattern: string;
  readonly applyTo: 'queues';
  readonly priority: number;
  readonly definition: Readonly<Record<string, string | number>>;
}

const quorum = (name: string): QueueDefinition => ({ name, durable: true, arguments: { 'x-queue-type': 'quorum' } });

export const exchanges = [{ name: EXCHANGE, type: 'topic', durable: true }] as const;

export const queues: readonly QueueDefinition[] = [
  quorum(QUEUES.notifications),
  ...RETRY_DELAYS_MS.map((_, index) => quorum(retryQueue(index + 1))),
  quorum(QUEUES.notificationsDead),
  quorum(QUEUES.users),
  quorum(QUEUES.documents),
];

const bind = (queue: string, ...keys: string[]): BindingDefinition[] =>
  keys.map((routingKey) => ({ exchange: EXCHANGE, queue, routingKey }));

export const bindings: readonly BindingDefinition[] = [
  ...bind(QUEUES.notifications, 'user.*', 'mail.*'),
  ...bind(QUEUES.users, 'user.invited'),
  ...bind(QUEUES.documents, 'user.verified', 'user.deleted', 'document.changed'),
];

/** Newer brokers drop a message after 20 deliveries unless told otherwise; an outage of a store is many more. */
const patient = { 'delivery-limit': 1_000_000 };

export const policies: readonly PolicyDefinition[] = [
  {
    name: 'notifications',
    pattern: '^notifications$',
    applyTo: 'queues',
    priority: 10,
    definition: { ...patient, 'dead-letter-exchange': '', 'dead-letter-routing-key': QUEUES.notificationsDead },
  },
  ...RETRY_DELAYS_MS.map((delay, index): PolicyDefinition => ({
    name: retryQueue(index + 1),
    pattern: `^notifications\\.retry\\.${index + 1}$`,
    applyTo: 'queues',
    priority: 10,
    definition: {
      'message-ttl': delay,
      'dead-letter-exchange': '',
      'dead-letter-routing-key': QUEUES.notifications,
      // The message leaves the retry queue only when the other has it; needs a queue that refuses instead of dropping.
      'dead-letter-strategy': 'at-least-once',
      overflow: 'reject-publish',
    },
  })),
  { name: 'consumers', pattern: '^(users|documents)$', applyTo: 'queues', priority: 10, definition: patient },
];
