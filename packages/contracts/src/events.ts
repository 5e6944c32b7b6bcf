import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { Id, Timestamp, Version } from './http/common.ts';
import { Role, SharedRole } from './http/document.ts';

const Revision = Type.Integer({ minimum: 0, description: 'Grows with every change of this user on this document' });
const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** `data` of each event type. The type is the routing key too. */
export const eventData = {
  'user.registered': Type.Object({ userId: Id, email: Type.String(), name: Type.String(), verified: Type.Boolean() }),
  'user.verified': Type.Object({ userId: Id, email: Type.String(), name: Type.String() }),
  'user.deleted': Type.Object({ userId: Id }),
  'user.invited': Type.Object({
    documentId: Id,
    documentTitle: Type.String(),
    invitedBy: Type.Object({ id: Id, email: Type.String(), name: Type.String() }),
    email: Type.String(),
    userId: nullable(Id),
    role: SharedRole,
    invitationId: nullable(Id),
    invitationToken: nullable(Type.String()),
  }),
  'permission.changed': Type.Object({ documentId: Id, userId: Id, role: Role, revision: Revision }),
  'permission.revoked': Type.Object({ documentId: Id, userId: Id, revision: Revision }),
  'document.created': Type.Object({ documentId: Id, ownerId: Id, title: Type.String() }),
  'document.changed': Type.Object({ documentId: Id, version: Version, updatedAt: Timestamp }),
  'document.deleted': Type.Object({ documentId: Id }),
  'document.restored': Type.Object({ documentId: Id }),
  'mail.requested': Type.Object({
    kind: Type.Enum(['verify_address', 'reset_password', 'password_changed']),
    to: Type.Object({ email: Type.String(), name: Type.String() }),
    token: nullable(Type.String()),
  }),
};

export type EventType = keyof typeof eventData;
export type EventData<T extends EventType> = Static<(typeof eventData)[T]>;

/** A CloudEvents 1.0 event in structured JSON. */
export interface CloudEvent<T extends EventType = EventType> {
  readonly specversion: '1.0';
  /** UUID; consumers are idempotent by it. */
  readonly id: string;
  /** `/collabeditor/<service>` */
  readonly source: string;
  readonly type: T;
  /** The id that orders it: events of one subject are published in the order of their commits. */
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly traceparent?: string;
  readonly data: EventData<T>;
}

/** Any event, discriminated by its type. */
export type AnyEvent = { [T in EventType]: CloudEvent<T> }[EventType];

export interface NewEvent<T extends EventType> {
  readonly id: string;
  readonly time: Date;
  readonly type: T;
  readonly source: string;
  readonly subject: string;
  readonly data: EventData<T>;
  readonly traceparent?: string | undefined;
}

/** Puts an event into its envelope. Id and time are the caller's, so that this stays a pure function. */
export function makeEvent<T extends EventType>(event: NewEvent<T>): CloudEvent<T> {
  const { id, time, type, source, subject, data, traceparent } = event;
  return {
    specversion: '1.0',
    id,
    source,
    type,
    subject,
    time: time.toISOString(),
    datacontenttype: 'application/json',
    ...(traceparent === undefined ? {} : { traceparent }),
    data,
  };
}

/** Schema of one event type with its envelope. */
export function eventSchema<T extends EventType>(type: T) {
  return Type.Object({
    specversion: Type.Literal('1.0'),
    id: Id,
    source: Type.String({ minLength: 1 }),
    type: Type.Literal(type),
    subject: Type.String({ minLength: 1 }),
    time: Timestamp,
    datacontenttype: Type.Literal('application/json'),
    traceparent: Type.Optional(Type.String()),
    data: eventData[type],
  });
}

export const eventTypes = Object.keys(eventData).filter((type) => isEventType(type));

const validators = new Map(eventTypes.map((type) => [type, Compile(eventSchema(type))]));

/** Reads a message of the exchange; null for what is no event of ours. */
export function parseEvent(text: string): AnyEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isEvent(value) ? value : null;
}

function isEvent(value: unknown): value is AnyEvent {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  const { type } = value;
  return isEventType(type) && validators.get(type)?.Check(value) === true;
}

function isEventType(type: unknown): type is EventType {
  return typeof type === 'string' && Object.hasOwn(eventData, type);
}
