import type { FrameErrorCode, Peer, PlainServerFrame, Role, V1ServerFrame } from '@collabeditor/contracts';
import { plainSteps } from './changes.ts';
import type { Document } from './document.ts';
import type { KnownEdit, Row } from './row.ts';

/** How a session speaks: frames of the two dialects differ in how edits are told. */
export type Dialect = 'plain' | 'v1';

/** A frame as it goes onto the wire. Serialised once, however many sessions get it. */
export type Frame = string;

const plain = (frame: PlainServerFrame): Frame => JSON.stringify(frame);
const v1 = (frame: V1ServerFrame): Frame => JSON.stringify(frame);

/** What a session is told about itself when it joins. */
export interface Welcome {
  readonly sessionId: string;
  readonly clientId: string;
  readonly role: Role;
  readonly peers: Peer[];
}

export function initialState(
  dialect: Dialect,
  document: Document,
  { sessionId, clientId, role, peers }: Welcome,
): Frame {
  const { text, version, rev } = document;
  const frame = { type: 'initial_state' as const, content: text.toString(), version, sessionId, clientId, role, peers };
  return dialect === 'plain' ? plain(frame) : v1({ ...frame, rev });
}

export function resumed({ version, rev }: Document, { clientId, role, peers }: Welcome): Frame {
  return v1({ type: 'resumed', version, rev, role, clientId, peers });
}

/** An edit as operations of the plain dialect, to be applied one after another. */
export function plainOperations({ changes, version, userId, clientId }: Row): readonly Frame[] {
  const steps = plainSteps(changes);
  return steps.map((step, index) => {
    const op =
      index < steps.length - 1 ? ({ ...step, version: version - 1, more: true } as const) : { ...step, version };
    return plain({ type: 'operation', op, userId, clientId });
  });
}

/** Rows without a gap in one frame of `collab.v1`. */
export function v1Operations(rows: readonly Row[]): Frame {
  const operations = rows.map(({ changes, userId, clientId, editId }) => ({
    changes: changes.toJSON() as unknown,
    userId,
    clientId,
    ...(editId === null ? {} : { id: editId }),
  }));
  return v1({ type: 'operations', version: (rows[0]?.version ?? 1) - 1, rev: rows.at(-1)?.rev ?? '', operations });
}

export function ack(id: string | null, version: number): Frame {
  return plain({ type: 'ack', ...withId(id), version });
}

/** Tells that an edit was applied before. It does not move the version of its author. */
export function duplicateAck(id: string | null, version: number): Frame {
  return plain({ type: 'ack', ...withId(id), version, duplicate: true });
}

export function outOfSync({ text, version }: Document, id: string | null, withContent: boolean): Frame {
  return plain({ type: 'out_of_sync', ...(withContent ? { content: text.toString() } : {}), version, ...withId(id) });
}

export function v1OutOfSync(
  { text, version, rev }: Document,
  known: readonly Pick<KnownEdit, 'editId' | 'version'>[],
): Frame {
  const applied = known.map((edit) => ({ id: edit.editId, version: edit.version }));
  return v1({ type: 'out_of_sync', content: text.toString(), version, rev, applied });
}

export function error(code: FrameErrorCode, message: string, id: string | null = null): Frame {
  return plain({ type: 'error', code, message, ...withId(id) });
}

export function presence(version: number, { selection, data, clientId, userId, name }: Peer): Frame {
  return plain({
    type: 'presence',
    version,
    selection,
    ...(data === undefined ? {} : { data }),
    clientId,
    userId,
    name,
  });
}

export function peerJoined({ clientId, userId, name }: Pick<Peer, 'clientId' | 'userId' | 'name'>): Frame {
  return plain({ type: 'peer_joined', clientId, userId, name });
}

export function peerLeft({ clientId, userId, name }: Pick<Peer, 'clientId' | 'userId' | 'name'>): Frame {
  return plain({ type: 'peer_left', clientId, userId, name });
}

export function roleChanged(role: Role): Frame {
  return plain({ type: 'role', role });
}

export function authExpiring(at: Date): Frame {
  return plain({ type: 'auth_expiring', at: at.toISOString() });
}

export function reconnect(afterMs: number): Frame {
  return plain({ type: 'reconnect', afterMs });
}

function withId(id: string | null): { id?: string } {
  return id === null ? {} : { id };
}
