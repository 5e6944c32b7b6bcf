import type { FrameErrorCode, Role, Selection } from '@collabeditor/contracts';
import { createDocument, type Document, type Opened } from './document.ts';
import type { Author, EditRequest } from './evaluate.ts';
import type { Dialect, Frame } from './frames.ts';
import type { KnownEdit, Row } from './row.ts';
import type { History } from './undo.ts';

/**
 * Everything that one replica knows of one open document. Changed by `step` alone, which gets every event with the time of it
 * and answers with effects; nothing in here waits, reads a clock or talks to anyone.
 */
export interface Hub {
  readonly id: string;
  readonly document: Document;
  readonly newRev: () => string;
  /** Who edits: sessions, and calls of the document service while they last. */
  readonly sources: Map<string, Source>;
  readonly sessions: Map<string, Session>;
  /** Sessions of other replicas. */
  readonly remotes: Map<string, RemotePeer>;
  /** When each other replica that has the document open was last heard of. */
  readonly replicas: Map<string, number>;
  /** Accepted requests whose edits wait, in order. Their edits are `document.waiting`. */
  submissions: Submission[];
  /** How many of `submissions` are in the commit that is under way. */
  taken: number;
  /**
   * A commit did not go through: the log is read before anything else is committed. The first `uncertain` requests may have been
   * committed all the same; the read waits for whoever holds the head, and what became of them is not told before it is done.
   */
  recovering: { readonly uncertain: number } | null;
  /** PostgreSQL refused the data of a commit: requests are committed one by one until the guilty one is found. */
  cautious: boolean;
  /** Counts events, to tell whether a read began before or after a frame came. */
  turn: number;
  /** Turns at which the read of the head that is under way, and the last one that is done, began. */
  headRead: { inFlight: number | null; done: number };
  /** Rows that were read while a commit was under way. They count when its outcome is known. */
  stashed: RowsRead | null;
  /** Users whose history, and whether older rows, are being read. */
  readonly historiesRead: Set<string>;
  olderRead: boolean;
  trimmedAt: number;
}

export interface Session {
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  readonly name: string;
  readonly dialect: Dialect;
  readonly resume: { readonly since: number; readonly rev: string } | null;
  role: Role;
  /** It has got its first frame; before that nothing is sent. */
  live: boolean;
  readonly joinedTurn: number;
  readonly joinedAt: number;
  /** A whole text is on the way to it that it has not read. */
  unread: boolean;
  /** Turn at which it was known to have read the last one. */
  readTurn: number;
  /** It can't keep up: nothing is sent until it has drained, then one frame brings it up to date. */
  lag: { readonly since: number; readonly acks: { id: string | null; version: number }[] } | null;
  presence: Presence | null;
  presenceSentAt: number;
  presenceDue: boolean;
}

/** A selection and the version whose text it points into. */
export interface Presence {
  readonly version: number;
  readonly selection: Selection;
  readonly data: unknown;
}

export interface RemotePeer extends Presence {
  readonly replica: string;
  readonly sessionId: string;
  readonly userId: string;
  readonly clientId: string;
  readonly name: string;
  readonly joinedAt: number;
}

export interface Source {
  readonly id: string;
  author: Author;
  /** Requests that have come and are not answered or accepted, oldest first. The first may wait for something. */
  inbox: Inbound[];
}

export interface Inbound {
  readonly request: EditRequest | PresenceUpdate;
  readonly arrivedAt: number;
  readonly turn: number;
  ids: 'unread' | 'reading' | 'read';
  /** It had been accepted on top of edits that were not committed as they stood. */
  readonly moved: boolean;
}

export interface PresenceUpdate extends Presence {
  readonly type: 'presence';
}

/** An accepted request. Its revs stay the same however often its commit is tried. */
export interface Submission {
  readonly source: string;
  readonly author: Author;
  readonly request: EditRequest;
  readonly arrivedAt: number;
  readonly turn: number;
  revs: readonly string[];
  /** Its author was told `unavailable` while nobody could know whether it is committed. If it is, he sees it like anyone else. */
  abandoned: boolean;
}

/** Answer to a call of the document service. */
export type Outcome =
  | { readonly type: 'done'; readonly version: number; readonly duplicate: boolean }
  | { readonly type: 'stale'; readonly version: number }
  | { readonly type: 'refused'; readonly code: FrameErrorCode; readonly message: string };

export interface RowsRead {
  readonly turn: number;
  readonly after: number;
  /** Rev of the version `after` in PostgreSQL, null where that version does not exist there. */
  readonly revAfter: string | null;
  readonly rows: readonly Row[];
}

/** Edits of one document that are to be committed together, on top of `version` and `rev`. */
export interface Part {
  readonly documentId: string;
  readonly version: number;
  readonly rev: string;
  readonly rows: readonly { readonly row: Row; readonly base: number | null; readonly payload: string }[];
}

export type EditResult = 'accepted' | 'duplicate' | 'out_of_sync' | FrameErrorCode;

/** Why a session needs the whole text anew: its edit was stale, it was too slow, or it resumes at a version out of reach. */
export type ResyncReason = 'stale' | 'slow' | 'resume';

/** What the shell is asked to do. */
export type Effect =
  | { readonly type: 'send'; readonly to: readonly string[]; readonly frame: Frame }
  | { readonly type: 'close'; readonly to: string; readonly code: number; readonly reason: string }
  /** Before the next frame to this session: find out when it has been read (`read` event). */
  | { readonly type: 'probe'; readonly to: string }
  | { readonly type: 'reply'; readonly request: string; readonly outcome: Outcome }
  /** Edits wait: `take` has something. */
  | { readonly type: 'ready' }
  | { readonly type: 'readRows'; readonly turn: number; readonly after: number; readonly fence: boolean }
  | { readonly type: 'readOlder'; readonly from: number; readonly to: number }
  | { readonly type: 'readHistory'; readonly userId: string; readonly version: number }
  | {
      readonly type: 'readApplied';
      readonly sessionId: string;
      readonly userId: string;
      readonly clientId: string;
      readonly since: number;
    }
  | {
      readonly type: 'readIds';
      readonly source: string;
      readonly userId: string;
      readonly clientId: string;
      readonly ids: readonly string[];
    }
  /** Rows were committed by this replica. */
  | { readonly type: 'committed'; readonly rows: readonly Row[] }
  | { readonly type: 'tellPresence'; readonly session: Session }
  | { readonly type: 'tellPeers' }
  | { readonly type: 'counted'; readonly result: EditResult; readonly edits: number; readonly since: number | null }
  /** A whole text was sent. */
  | { readonly type: 'resync'; readonly reason: ResyncReason }
  /** PostgreSQL's history is another one: the hub is of no use any more. */
  | { readonly type: 'discard' };

export type HubEvent =
  | { readonly type: 'join'; readonly session: Joining; readonly fresh: boolean }
  | { readonly type: 'leave'; readonly sessionId: string }
  | { readonly type: 'frame'; readonly sessionId: string; readonly request: EditRequest | PresenceUpdate }
  | { readonly type: 'call'; readonly requestId: string; readonly author: Author; readonly request: EditRequest }
  | { readonly type: 'role'; readonly sessionId: string; readonly role: Role }
  | { readonly type: 'read'; readonly sessionId: string }
  | { readonly type: 'lagging'; readonly sessionId: string; readonly lagging: boolean }
  | { readonly type: 'committed' }
  | { readonly type: 'lost'; readonly known: readonly KnownEdit[] }
  | { readonly type: 'rejected' }
  | { readonly type: 'failed'; readonly unknown: boolean }
  | ({ readonly type: 'rows' } & RowsRead)
  | { readonly type: 'older'; readonly rows: readonly Row[] }
  | { readonly type: 'history'; readonly userId: string; readonly history: History; readonly version: number }
  | { readonly type: 'ids'; readonly source: string; readonly known: readonly KnownEdit[] }
  | { readonly type: 'applied'; readonly sessionId: string; readonly known: readonly KnownEdit[] }
  | {
      readonly type: 'readFailed';
      readonly read: 'rows' | 'older' | 'ids' | 'history' | 'applied';
      readonly of?: string;
      readonly turn?: number;
    }
  | { readonly type: 'head'; readonly version: number; readonly rev: string }
  | { readonly type: 'remotePeers'; readonly replica: string; readonly peers: readonly RemotePeer[] }
  | { readonly type: 'remotePresence'; readonly peer: RemotePeer }
  | { readonly type: 'tick' };

export interface Joining {
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  readonly name: string;
  readonly dialect: Dialect;
  readonly role: Role;
  readonly resume: { readonly since: number; readonly rev: string } | null;
}

export function createHub(id: string, opened: Opened, newRev: () => string): Hub {
  return {
    id,
    document: createDocument(opened),
    newRev,
    sources: new Map(),
    sessions: new Map(),
    remotes: new Map(),
    replicas: new Map(),
    submissions: [],
    taken: 0,
    recovering: null,
    cautious: false,
    turn: 0,
    headRead: { inFlight: null, done: 0 },
    stashed: null,
    historiesRead: new Set(),
    olderRead: false,
    trimmedAt: 0,
  };
}

/** Whether nobody has the document open here and nothing of it waits. */
export function isIdle(hub: Hub): boolean {
  return hub.sessions.size === 0 && hub.sources.size === 0 && hub.submissions.length === 0 && hub.taken === 0;
}

/** Whether something waits that a tick may have to move on. */
export function isBusy(hub: Hub): boolean {
  return (
    hub.recovering !== null ||
    hub.submissions.length > 0 ||
    [...hub.sources.values()].some(({ inbox }) => inbox.length > 0)
  );
}

/** Whether a presence was held back. */
export function owesPresence(hub: Hub): boolean {
  return [...hub.sessions.values()].some(({ presenceDue }) => presenceDue);
}
