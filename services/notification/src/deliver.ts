import { type AnyEvent, eventTypes, QUEUES, RETRY_DELAYS_MS, retryQueue } from '@collabeditor/contracts';
import type { Logger, PublishOptions, Tx, Verdict } from '@collabeditor/kit';
import { type Mail, type MailEvent, renderMail, withoutToken } from './mail.ts';
import type { Mailer } from './smtp.ts';
import { recordDelivery } from './store.ts';

/** How the handling of a message ended: the label of `collab_notifications_total`. */
export const results = ['sent', 'logged', 'duplicate', 'retried', 'dead', 'ignored'] as const;
export type Result = (typeof results)[number];

/** What delivering needs of the world. */
export interface DeliveryPorts {
  /** Undefined: mails go to the log. */
  readonly mailer: Mailer | undefined;
  readonly publicUrl: string;
  /** Right side of Message-IDs. */
  readonly messageDomain: string;
  readonly log: Logger;
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Resolves when the broker has confirmed. */
  publish(queue: string, message: Buffer, options: PublishOptions): Promise<void>;
  count(result: Result): void;
}

/** A message of the queue `notifications`. `attempts` counts the failed ones before this. */
export interface Delivery {
  readonly content: Buffer;
  readonly attempts: number;
}

export const ATTEMPTS_HEADER = 'x-attempts';

/**
 * An event's way:
 *
 *   no mail asked for ─► ack (ignored)                         mail taken ─► row committed ─► ack (sent, logged)
 *   row exists ────────► ack (duplicate)                       failed, N-th time, N ≤ 5 ─► notifications.retry.N ─► ack (retried)
 *   refused for good, no recipient, failed a 6th time ─► notifications.dead ─► ack (dead)
 *
 * Whatever throws here (the database or the broker is away) leaves the message in the queue, and its attempts as they are.
 */
export async function deliver(ports: DeliveryPorts, event: AnyEvent, delivery: Delivery): Promise<Verdict> {
  if (!asksForMail(event)) return ended(ports, 'ignored');
  const mail = renderMail(event, ports.publicUrl);
  if (mail === null) return bury(ports, delivery, { eventId: event.id, reason: 'the recipient is no address' });
  const outcome = await mailOnce(ports, event, mail);
  switch (outcome.kind) {
    case 'done':
      return ended(ports, outcome.result);
    case 'refused':
      return bury(ports, delivery, { eventId: event.id, reason: outcome.reason });
    case 'failed':
      return postpone(ports, delivery, { eventId: event.id, reason: outcome.reason });
  }
}

/** A message that is no event: of a type that this release does not know, or nothing that it can read at all. */
export async function deliverUnknown(ports: DeliveryPorts, content: Buffer): Promise<Verdict> {
  if (isForeignEvent(content)) return ended(ports, 'ignored');
  return bury(ports, { content, attempts: 0 }, { eventId: undefined, reason: 'the message is no event' });
}

type Outcome =
  | { readonly kind: 'done'; readonly result: 'sent' | 'logged' | 'duplicate' }
  | { readonly kind: 'refused' | 'failed'; readonly reason: string };

/** Ends the transaction of a mail that was not taken. */
class NotTaken extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super('the mail was not taken');
    this.outcome = outcome;
  }
}

/** The row is inserted first and committed last, so of two deliveries at the same time the second waits and then finds it. */
async function mailOnce(ports: DeliveryPorts, event: MailEvent, mail: Mail): Promise<Outcome> {
  const { mailer } = ports;
  const result = mailer ? 'sent' : 'logged';
  const messageId = `<${event.id}@${ports.messageDomain}>`;
  try {
    return await ports.transaction(async (tx): Promise<Outcome> => {
      const isFirst = await recordDelivery(tx, { eventId: event.id, type: event.type, result, messageId });
      if (!isFirst) return { kind: 'done', result: 'duplicate' };
      if (mailer) {
        const handover = await mailer.send(mail, messageId);
        if (handover.kind !== 'accepted') throw new NotTaken(handover);
      } else {
        logMail(ports, event);
      }
      return { kind: 'done', result };
    });
  } catch (error) {
    if (error instanceof NotTaken) return error.outcome;
    throw error;
  }
}

function logMail(ports: DeliveryPorts, event: MailEvent): void {
  const mail = renderMail(withoutToken(event), ports.publicUrl);
  ports.log.info(
    {
      event: 'mail_logged',
      eventId: event.id,
      mail: { to: mail?.to.address, subject: mail?.subject, lines: mail?.text.split('\n') },
    },
    'A mail was written here, since no SMTP server is named',
  );
}

interface Failure {
  readonly eventId: string | undefined;
  readonly reason: string;
}

async function postpone(ports: DeliveryPorts, delivery: Delivery, failure: Failure): Promise<Verdict> {
  const attempts = delivery.attempts + 1;
  if (attempts > RETRY_DELAYS_MS.length) return bury(ports, delivery, failure);
  await ports.publish(retryQueue(attempts), delivery.content, { headers: { [ATTEMPTS_HEADER]: attempts } });
  ports.log.warn({ event: 'mail_postponed', ...failure, attempts }, 'A mail failed and is tried again later');
  return ended(ports, 'retried');
}

async function bury(ports: DeliveryPorts, delivery: Delivery, failure: Failure): Promise<Verdict> {
  await ports.publish(QUEUES.notificationsDead, delivery.content, {
    headers: { [ATTEMPTS_HEADER]: delivery.attempts, 'x-reason': failure.reason },
  });
  ports.log.error({ event: 'message_buried', ...failure }, 'A message went to the dead letters');
  return ended(ports, 'dead');
}

function ended(ports: DeliveryPorts, result: Result): Verdict {
  ports.count(result);
  return 'ack';
}

function asksForMail(event: AnyEvent): event is MailEvent {
  return event.type === 'user.invited' || event.type === 'mail.requested';
}

const knownTypes: ReadonlySet<string> = new Set(eventTypes);

function isForeignEvent(content: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    return (
      typeof value === 'object' &&
      value !== null &&
      'specversion' in value &&
      'type' in value &&
      typeof value.type === 'string' &&
      !knownTypes.has(value.type)
    );
  } catch {
    return false;
  }
}
