import type { Opened } from './engine/document.ts';
import type { Part, RemotePeer } from './engine/hub-state.ts';
import type { KnownEdit, Row } from './engine/row.ts';
import type { History } from './engine/undo.ts';
import type { CommitResult } from './store/commit.ts';
import type { Head } from './store/rows.ts';

/** The log, snapshots and edit ids: the only truth. All but `commit` throw when PostgreSQL is away. */
export interface Store {
  open(documentId: string): Promise<Opened>;
  commit(parts: readonly Part[]): Promise<CommitResult>;
  rowsAfter(
    documentId: string,
    after: number,
    fence: boolean,
  ): Promise<{ revAfter: string | null; rows: readonly Row[] }>;
  olderRows(documentId: string, from: number, to: number): Promise<readonly Row[]>;
  historyOf(documentId: string, userId: string, version: number): Promise<History>;
  knownIds(
    documentId: string,
    of: { readonly userId: string; readonly clientId: string; readonly ids: readonly string[] },
  ): Promise<readonly KnownEdit[]>;
  /** A client's edits after a version, the newest ones. */
  appliedIds(
    documentId: string,
    of: { readonly userId: string; readonly clientId: string; readonly since: number },
  ): Promise<readonly KnownEdit[]>;
  heads(documentIds: readonly string[]): Promise<ReadonlyMap<string, Head & { readonly updatedAt: Date }>>;
  contentAt(documentId: string, version: number | null): Promise<{ content: string; version: number } | null>;
  history(
    documentId: string,
    before: number | null,
    limit: number,
  ): Promise<readonly { version: number; userId: string; at: Date }[]>;
  saveSnapshot(snapshot: {
    readonly documentId: string;
    readonly version: number;
    readonly rev: string;
    readonly content: string;
  }): Promise<void>;
  announce(documentIds: readonly string[], intervalMs: number): Promise<ReadonlySet<string>>;
  unannounced(): Promise<readonly string[]>;
  removeDocument(documentId: string): Promise<void>;
  durability(): Promise<{ readonly fsync: string; readonly synchronousCommit: string }>;
}

/** What replicas tell each other about an open document. It may get lost, doubled or late: the log decides. */
export type News =
  | { readonly type: 'head'; readonly version: number; readonly rev: string }
  | { readonly type: 'peers'; readonly replica: string; readonly peers: readonly RemotePeer[] }
  | { readonly type: 'presence'; readonly peer: RemotePeer }
  /** A replica has opened the document and wants to know who else is there. */
  | { readonly type: 'hello'; readonly replica: string }
  /** The document is gone for good. */
  | { readonly type: 'removed' };

export interface NewsWire extends AsyncDisposable {
  connected(): boolean;
  follow(documentId: string): void;
  unfollow(documentId: string): void;
  publish(documentId: string, news: News): void;
}

/** One client's socket. Frames leave in the order in which they are sent. */
export interface Connection {
  send(frame: Buffer): void;
  close(code: number, reason: string): void;
  /** Calls `read` of the hub once everything that is sent from now on until the next probe has been read. */
  probe(): void;
}
