import type { Text } from '@codemirror/state';
import { type Pool, type Queryable, transaction } from '@collabeditor/kit';
import { textOf } from '../engine/changes.ts';
import type { Opened } from '../engine/document.ts';
import { type KnownEdit, REV_OF_NOTHING, type Row } from '../engine/row.ts';
import { advance, type History, NO_HISTORY, type Step } from '../engine/undo.ts';
import { type Head, LogError, NO_HEAD, requireContiguous, ROW_COLUMNS, rowOf, type StoredRow } from './rows.ts';

/** Rows in memory of a document that is opened, beyond those since its snapshot. */
const SNAPSHOT =
  'SELECT version, rev, content FROM snapshots WHERE document_id = $1 AND version <= $2 ORDER BY version DESC LIMIT 1';

/** The newest text of a document, from its newest snapshot and the log since. */
export async function open(pool: Pool, documentId: string): Promise<Opened> {
  return transaction(pool, async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const head = await readHead(tx, documentId);
    const { text, rows } = await textAt(tx, documentId, head.version);
    if ((rows.at(-1)?.rev ?? head.rev) !== head.rev)
      throw new LogError(`the head of ${documentId} is not that of its log`);
    return { text, version: head.version, rev: head.rev, bytes: Buffer.byteLength(text.toString()), rows };
  });
}

/** The text of a version, or null where there is no such version. */
export async function contentAt(
  pool: Pool,
  documentId: string,
  version: number | null,
): Promise<{ content: string; version: number } | null> {
  return transaction(pool, async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const head = await readHead(tx, documentId);
    const wanted = version ?? head.version;
    if (wanted > head.version) return null;
    const { text } = await textAt(tx, documentId, wanted);
    return { content: text.toString(), version: wanted };
  });
}

/** Rows after a version, with the rev that the version has here. `fence` waits for whoever is about to move the head. */
export async function rowsAfter(
  pool: Pool,
  documentId: string,
  after: number,
  fence: boolean,
): Promise<{ revAfter: string | null; rows: readonly Row[] }> {
  if (fence) await pool.query('SELECT 1 FROM heads WHERE document_id = $1 FOR UPDATE', [documentId]);
  const found = await readRows(pool, documentId, after, null);
  const [first] = found;
  const rows = found.filter(({ version }) => version > after);
  requireContiguous(rows, after);
  return { revAfter: after === 0 ? REV_OF_NOTHING : first?.version === after ? first.rev : null, rows };
}

/** Rows of the log between two versions, both included. */
export async function olderRows(pool: Pool, documentId: string, from: number, to: number): Promise<readonly Row[]> {
  const rows = await readRows(pool, documentId, from, to);
  requireContiguous(rows, from - 1);
  return rows;
}

/** What a user can undo and redo at a version. */
export async function historyOf(pool: Pool, documentId: string, userId: string, version: number): Promise<History> {
  const { rows } = await pool.query<Step>(
    'SELECT version, kind, target FROM edits WHERE document_id = $1 AND user_id = $2 AND version <= $3 ORDER BY version',
    [documentId, userId, version],
  );
  return rows.reduce(advance, NO_HISTORY);
}

/** Those of a client's edit ids that were accepted. */
export async function knownIds(
  pool: Pool,
  documentId: string,
  { userId, clientId, ids }: { readonly userId: string; readonly clientId: string; readonly ids: readonly string[] },
): Promise<readonly KnownEdit[]> {
  const { rows } = await pool.query<StoredId>(
    'SELECT edit_id, version, base, payload FROM edit_ids WHERE document_id = $1 AND user_id = $2 AND client_id = $3 AND edit_id = ANY($4)',
    [documentId, userId, clientId, ids],
  );
  return rows.map((row) => knownEdit(row, userId, clientId));
}

type StoredId = Pick<KnownEdit, 'version' | 'base' | 'payload'> & { readonly edit_id: string };

function knownEdit({ edit_id: editId, version, base, payload }: StoredId, userId: string, clientId: string): KnownEdit {
  return { userId, clientId, editId, version, base, payload };
}

/** Most edits that a client is told of; it has one frame on its way at a time. */
const MAX_APPLIED = 5000;

/** A client's accepted edits after a version, the newest ones. */
export async function appliedIds(
  pool: Pool,
  documentId: string,
  { userId, clientId, since }: { readonly userId: string; readonly clientId: string; readonly since: number },
): Promise<readonly KnownEdit[]> {
  const { rows } = await pool.query<StoredId>(
    `SELECT edit_id, version, base, payload FROM edit_ids
     WHERE document_id = $1 AND user_id = $2 AND client_id = $3 AND version > $4 ORDER BY version DESC LIMIT $5`,
    [documentId, userId, clientId, since, MAX_APPLIED],
  );
  return rows.map((row) => knownEdit(row, userId, clientId)).reverse();
}

/** Heads of those documents that have one. */
export async function heads(
  pool: Pool,
  documentIds: readonly string[],
): Promise<ReadonlyMap<string, Head & { readonly updatedAt: Date }>> {
  const { rows } = await pool.query<Head & { document_id: string; updated_at: Date }>(
    'SELECT document_id, version, rev, updated_at FROM heads WHERE document_id = ANY($1::uuid[])',
    [documentIds],
  );
  return new Map(
    rows.map(({ document_id: id, version, rev, updated_at: updatedAt }) => [id, { version, rev, updatedAt }]),
  );
}

/** Newest first, from below `before`. */
export async function history(
  pool: Pool,
  documentId: string,
  before: number | null,
  limit: number,
): Promise<readonly { version: number; userId: string; at: Date }[]> {
  const { rows } = await pool.query<{ version: number; user_id: string; at: Date }>(
    'SELECT version, user_id, at FROM edits WHERE document_id = $1 AND ($2::bigint IS NULL OR version < $2) ORDER BY version DESC LIMIT $3',
    [documentId, before, limit],
  );
  return rows.map(({ version, user_id: userId, at }) => ({ version, userId, at }));
}

async function readHead(db: Queryable, documentId: string): Promise<Head> {
  const { rows } = await db.query<Head>('SELECT version, rev FROM heads WHERE document_id = $1', [documentId]);
  return rows[0] ?? NO_HEAD;
}

/** The text of a version, and the rows between the snapshot that it was built from and it. */
async function textAt(
  db: Queryable,
  documentId: string,
  version: number,
): Promise<{ text: Text; rows: readonly Row[] }> {
  const snapshots = await db.query<{ version: number; rev: string; content: string }>(SNAPSHOT, [documentId, version]);
  const snapshot = snapshots.rows[0] ?? { version: 0, rev: REV_OF_NOTHING, content: '' };
  const found = await readRows(db, documentId, snapshot.version, version);
  const rows = found.filter((row) => row.version > snapshot.version);
  requireContiguous(rows, snapshot.version);
  if (rows.length !== version - snapshot.version)
    throw new LogError(`the log of ${documentId} ends before version ${version}`);
  const base = found.find((row) => row.version === snapshot.version);
  if (base && base.rev !== snapshot.rev) throw new LogError(`a snapshot of ${documentId} belongs to another history`);
  return { text: rows.reduce((text, { changes }) => changes.apply(text), textOf(snapshot.content)), rows };
}

async function readRows(db: Queryable, documentId: string, from: number, to: number | null): Promise<readonly Row[]> {
  const { rows } = await db.query<StoredRow>(
    `SELECT ${ROW_COLUMNS} FROM edits WHERE document_id = $1 AND version >= $2 AND ($3::bigint IS NULL OR version <= $3) ORDER BY version`,
    [documentId, from, to],
  );
  return rows.map(rowOf);
}
