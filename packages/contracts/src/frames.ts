import Type, { type Static } from 'typebox';
import { Id, Timestamp, Version } from './http/common.ts';
import { Role } from './http/document.ts';

/** Names of the dialects as WebSocket subprotocols. No subprotocol means the plain dialect. */
export const SUBPROTOCOL = { plain: 'collab.plain', v1: 'collab.v1' } as const;
/** An offered subprotocol that carries the access token. */
export const BEARER_SUBPROTOCOL_PREFIX = 'bearer.';

export const CLOSE = {
  tooLarge: 1009,
  draining: 1012,
  unauthenticated: 4401,
  revoked: 4403,
  notFound: 4404,
  tooSlow: 4408,
  replaced: 4409,
  rateLimited: 4429,
  full: 4503,
} as const;
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

const frameErrorCodes = [
  'invalid_frame',
  'unknown_type',
  'invalid_operation',
  'read_only',
  'nothing_to_undo',
  'nothing_to_redo',
  'too_large',
  'document_too_large',
  'rate_limited',
  'in_flight',
  'id_reused',
  'unavailable',
  'invalid_token',
] as const;
export const FrameErrorCode = Type.Enum([...frameErrorCodes]);
export type FrameErrorCode = (typeof frameErrorCodes)[number];

export const ClientId = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' });
/** Identity of one edit of one client. */
export const EditId = Type.String({ minLength: 1, maxLength: 64 });
const Offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'UTF-16 code units' });

export const Selection = Type.Union([Type.Object({ anchor: Offset, head: Offset }), Type.Null()]);
export type Selection = Static<typeof Selection>;

const clientFrames = {
  insert: Type.Object({
    type: Type.Literal('insert'),
    pos: Offset,
    text: Type.String(),
    version: Version,
    id: Type.Optional(EditId),
  }),
  delete: Type.Object({
    type: Type.Literal('delete'),
    pos: Offset,
    len: Offset,
    version: Version,
    id: Type.Optional(EditId),
  }),
  undo: Type.Object({ type: Type.Literal('undo'), id: Type.Optional(EditId) }),
  redo: Type.Object({ type: Type.Literal('redo'), id: Type.Optional(EditId) }),
  presence: Type.Object({
    type: Type.Literal('presence'),
    version: Version,
    selection: Selection,
    data: Type.Optional(Type.Unknown({ description: 'At most 1 KiB of JSON' })),
  }),
  auth: Type.Object({ type: Type.Literal('auth'), token: Type.String({ minLength: 1 }) }),
  edits: Type.Object({
    type: Type.Literal('edits'),
    version: Version,
    edits: Type.Array(
      Type.Object({ id: EditId, changes: Type.Unknown({ description: 'JSON form of a CodeMirror 6 ChangeSet' }) }),
      { minItems: 1 },
    ),
  }),
};

/** Client frames of the plain dialect by their type. An empty `text` or `len` passes here and is an `invalid_operation`. */
export const plainClientFrames = {
  insert: clientFrames.insert,
  delete: clientFrames.delete,
  undo: clientFrames.undo,
  redo: clientFrames.redo,
  presence: clientFrames.presence,
  auth: clientFrames.auth,
};

/** Client frames of `collab.v1` by their type. */
export const v1ClientFrames = {
  edits: clientFrames.edits,
  undo: clientFrames.undo,
  redo: clientFrames.redo,
  presence: clientFrames.presence,
  auth: clientFrames.auth,
};

export type InsertFrame = Static<typeof clientFrames.insert>;
export type DeleteFrame = Static<typeof clientFrames.delete>;
export type UndoFrame = Static<typeof clientFrames.undo>;
export type RedoFrame = Static<typeof clientFrames.redo>;
export type PresenceFrame = Static<typeof clientFrames.presence>;
export type AuthFrame = Static<typeof clientFrames.auth>;
export type EditsFrame = Static<typeof clientFrames.edits>;
export type PlainClientFrame = InsertFrame | DeleteFrame | UndoFrame | RedoFrame | PresenceFrame | AuthFrame;
export type V1ClientFrame = EditsFrame | UndoFrame | RedoFrame | PresenceFrame | AuthFrame;

const author = { userId: Id, clientId: Type.String() };
const person = { ...author, name: Type.String() };
const data = Type.Optional(Type.Unknown());
const id = Type.Optional(EditId);
const Rev = Type.String({ description: 'Opaque name of a version' });

export const Peer = Type.Object({ ...person, selection: Selection, data });
export type Peer = Static<typeof Peer>;

const version = Version;
const plainOperation = {
  version,
  more: Type.Optional(Type.Literal(true, { description: 'Further changes of the same edit follow' })),
};

/** An `op` of the plain dialect. */
export const PlainOperation = Type.Union([
  Type.Object({ type: Type.Literal('insert'), pos: Offset, text: Type.String(), ...plainOperation }),
  Type.Object({ type: Type.Literal('delete'), pos: Offset, len: Offset, ...plainOperation }),
]);
export type PlainOperation = Static<typeof PlainOperation>;

/** Server frames that both dialects know. */
export const sharedServerFrames = {
  presence: Type.Object({ type: Type.Literal('presence'), version, selection: Selection, data, ...person }),
  peer_joined: Type.Object({ type: Type.Literal('peer_joined'), ...person }),
  peer_left: Type.Object({ type: Type.Literal('peer_left'), ...person }),
  auth_expiring: Type.Object({ type: Type.Literal('auth_expiring'), at: Timestamp }),
  role: Type.Object({ type: Type.Literal('role'), role: Role }),
  reconnect: Type.Object({ type: Type.Literal('reconnect'), afterMs: Type.Integer({ minimum: 0 }) }),
  error: Type.Object({ type: Type.Literal('error'), code: FrameErrorCode, message: Type.String(), id }),
  ack: Type.Object({ type: Type.Literal('ack'), version, id, duplicate: Type.Optional(Type.Literal(true)) }),
};

const initialState = {
  type: Type.Literal('initial_state'),
  content: Type.String(),
  version,
  sessionId: Type.String(),
  clientId: Type.String(),
  role: Role,
  peers: Type.Array(Peer),
};

/** Server frames of the plain dialect. */
export const plainServerFrames = {
  ...sharedServerFrames,
  initial_state: Type.Object(initialState),
  operation: Type.Object({ type: Type.Literal('operation'), op: PlainOperation, ...author }),
  out_of_sync: Type.Object({ type: Type.Literal('out_of_sync'), content: Type.Optional(Type.String()), version, id }),
};

/** Server frames of `collab.v1`. */
export const v1ServerFrames = {
  ...sharedServerFrames,
  initial_state: Type.Object({ ...initialState, rev: Rev }),
  resumed: Type.Object({
    type: Type.Literal('resumed'),
    version,
    rev: Rev,
    role: Role,
    clientId: Type.String(),
    peers: Type.Array(Peer),
  }),
  operations: Type.Object({
    type: Type.Literal('operations'),
    version,
    rev: Rev,
    operations: Type.Array(Type.Object({ changes: Type.Unknown(), ...author, id })),
  }),
  out_of_sync: Type.Object({
    type: Type.Literal('out_of_sync'),
    content: Type.String(),
    version,
    rev: Rev,
    applied: Type.Array(Type.Object({ id: EditId, version })),
  }),
};

type FrameOf<Frames extends Record<string, Type.TSchema>> = { [K in keyof Frames]: Static<Frames[K]> }[keyof Frames];
export type PlainServerFrame = FrameOf<typeof plainServerFrames>;
export type V1ServerFrame = FrameOf<typeof v1ServerFrames>;
export type ServerFrame = PlainServerFrame | V1ServerFrame;
