export { type ErrorCode, type FieldError, ProblemDocument, problems } from './errors.ts';
export {
  BEARER_SUBPROTOCOL_PREFIX,
  CLOSE,
  ClientId,
  EditId,
  FrameErrorCode,
  Peer,
  PlainOperation,
  plainClientFrames,
  plainServerFrames,
  Selection,
  sharedServerFrames,
  SUBPROTOCOL,
  v1ClientFrames,
  v1ServerFrames,
} from './frames.ts';
export type {
  AuthFrame,
  CloseCode,
  DeleteFrame,
  EditsFrame,
  InsertFrame,
  PlainClientFrame,
  PlainServerFrame,
  PresenceFrame,
  RedoFrame,
  ServerFrame,
  UndoFrame,
  V1ClientFrame,
  V1ServerFrame,
} from './frames.ts';
export { eventData, eventSchema, eventTypes, makeEvent, parseEvent } from './events.ts';
export type { AnyEvent, CloudEvent, EventData, EventType, NewEvent } from './events.ts';
export { Email, Id, type Page, Password, Timestamp, Title, Version } from './http/common.ts';
export { documentPeerRoutes, RoleAnswer, RoleOfPair } from './http/document-peer.ts';
export { documentRoutes, DocumentView, Invitation, Permission, Role, SharedRole } from './http/document.ts';
export { Content, DocumentVersion, HistoryEntry, realtimePeerRoutes } from './http/realtime.ts';
export { JsonWebKeySet, Session, Tokens, User, UserCard, userPeerRoutes, userRoutes } from './http/user.ts';
export {
  BATCH_MAX,
  CLOCK_TOLERANCE_SECONDS,
  DAYS_IN_TRASH,
  FRAME_BURST,
  FRAMES_PER_SECOND,
  INVITATION_DAYS,
  MAX_BODY_BYTES,
  MAX_DOCUMENT_BYTES,
  MAX_EMAIL,
  MAX_FRAME_BYTES,
  MAX_NAME,
  MAX_PRESENCE_DATA_BYTES,
  MAX_RESUME_EDITS,
  MAX_TEXT_BODY_BYTES,
  MAX_TITLE,
  PAGE_DEFAULT,
  PAGE_MAX,
  PASSWORD_MAX,
  PASSWORD_MIN,
  PRESENCE_PER_SECOND,
  UNDO_DEPTH,
} from './limits.ts';
export { type Access, type Answer, type Route, route } from './route.ts';
export { emailKey, normalizeEmail, textProblem, utf8Length } from './text.ts';
export {
  type BindingDefinition,
  bindings,
  EXCHANGE,
  exchanges,
  policies,
  type PolicyDefinition,
  type QueueDefinition,
  QUEUES,
  queues,
  REALTIME_BINDINGS,
  RETRY_DELAYS_MS,
  retryQueue,
} from './topology.ts';
export { asyncApi } from './asyncapi.ts';
export { openApi } from './openapi.ts';
