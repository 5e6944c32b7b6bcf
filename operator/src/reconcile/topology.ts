/**
 * The durable objects of the broker and who may touch them: the one source on a cluster. `packages/contracts` names the
 * same objects for the services; a test holds the two together.
 */

export const EXCHANGE = 'collab.events';

export interface Queue {
  name: string;
  arguments: Record<string, string>;
}

export interface Binding {
  queue: string;
  routingKey: string;
}

export interface Policy {
  name: string;
  pattern: string;
  priority: number;
  definition: Record<string, string | number>;
}

/** What a service's broker user may do, as RabbitMQ's three regular expressions. */
export interface Permissions {
  configure: string;
  write: string;
  read: string;
}

const RETRY_DELAYS_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000];

const quorum = (name: string): Queue => ({ name, arguments: { 'x-queue-type': 'quorum' } });

export const queues: readonly Queue[] = [
  quorum('notifications'),
  ...RETRY_DELAYS_MS.map((_, index) => quorum(`notifications.retry.${index + 1}`)),
  quorum('notifications.dead'),
  quorum('users'),
  quorum('documents'),
];

const bind = (queue: string, ...keys: string[]): Binding[] => keys.map((routingKey) => ({ queue, routingKey }));

export const bindings: readonly Binding[] = [
  ...bind('notifications', 'user.*', 'mail.*'),
  ...bind('users', 'user.invited'),
  ...bind('documents', 'user.verified', 'user.deleted', 'document.changed'),
];

/** Newer brokers drop a message after 20 deliveries unless told otherwise; an outage of a store is many more. */
const patient = { 'delivery-limit': 1_000_000 };

/** A queue's arguments can't change after it is declared, so limits and dead letters are policies. */
export const policies: readonly Policy[] = [
  {
    name: 'notifications',
    pattern: '^notifications$',
    priority: 10,
    definition: { ...patient, 'dead-letter-exchange': '', 'dead-letter-routing-key': 'notifications.dead' },
  },
  ...RETRY_DELAYS_MS.map((delay, index) => ({
    name: `notifications.retry.${index + 1}`,
    pattern: `^notifications\\.retry\\.${index + 1}$`,
    priority: 10,
    definition: {
      'message-ttl': delay,
      'dead-letter-exchange': '',
      'dead-letter-routing-key': 'notifications',
      'dead-letter-strategy': 'at-least-once',
      overflow: 'reject-publish',
    },
  })),
  { name: 'consumers', pattern: '^(users|documents)$', priority: 10, definition: patient },
];

/** Services publish to the exchange and consume from their own queue; a realtime replica also makes one of its own. */
export const permissions: Readonly<Record<'user' | 'document' | 'realtime' | 'notification', Permissions>> = {
  user: { configure: '^$', write: '^collab\\.events$', read: '^users$' },
  document: { configure: '^$', write: '^collab\\.events$', read: '^documents$' },
  realtime: {
    configure: '^realtime\\..+$',
    write: '^(collab\\.events|realtime\\..+)$',
    read: '^(collab\\.events|realtime\\..+)$',
  },
  notification: { configure: '^$', write: '^(amq\\.default|)$', read: '^notifications$' },
};
