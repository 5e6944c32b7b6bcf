import type { Role } from '@collabeditor/contracts';
import type { Queryable } from '@collabeditor/kit';
import type { PageKey } from '../cursor.ts';

export interface DocumentRow {
  readonly id: string;
  readonly title: string;
  /** Null only in the trash, after the owner's account was deleted. */
  readonly ownerId: string | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly trashedAt: Date | null;
  readonly metadataRevision: number;
  readonly rightsRevision: number;
}

/** A document as one user has it. */
export interface Held {
  readonly document: DocumentRow;
  readonly role: Role;
  readonly revision: number;
}

const columns = `d.id, d.title, d.version AS version, d.created_at AS "createdAt", d.updated_at AS "updatedAt",
  d.trashed_at AS "trashedAt", d.metadata_revision AS "metadataRevision", d.rights_revision AS "rightsRevision",
  (SELECT o.user_id FROM permissions o WHERE o.document_id = d.id AND o.role = 'owner') AS "ownerId"`;

type HeldRow = DocumentRow & { readonly role: Role; readonly revision: number };

const held = ({ role, revision, ...document }: HeldRow): Held => ({ document, role, revision });

/** False when the document is there already: the same request came twice. */
export async function insertDocument(
  tx: Queryable,
  document: { id: string; title: string; ownerId: string; version: number; at: Date },
): Promise<boolean> {
  const { id, title, ownerId, version, at } = document;
  const { rowCount } = await tx.query(
    `INSERT INTO documents (id, title, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) ON CONFLICT (id) DO NOTHING`,
    [id, title, version, at],
  );
  if (rowCount === 0) return false;
  await tx.query(
    `INSERT INTO permissions (document_id, user_id, role, revision, granted_at) VALUES ($1, $2, 'owner', 1, $3)`,
    [id, ownerId, at],
  );
  return true;
}

export async function findHeld(db: Queryable, id: string, userId: string): Promise<Held | undefined> {
  const { rows } = await db.query<HeldRow>(
    `SELECT ${columns}, p.role, p.revision AS revision FROM documents d JOIN permissions p ON p.document_id = d.id
     WHERE d.id = $1 AND p.user_id = $2`,
    [id, userId],
  );
  return rows[0] && held(rows[0]);
}

/**
 * Takes the document's row, so that changes of one document come one after another. Everything that changes a document, its
 * permissions, invitations or link holds it; it is always taken before other rows.
 */
export async function lockDocument(tx: Queryable, id: string): Promise<DocumentRow | undefined> {
  // Two statements: what the second reads is from after the lock was granted.
  const { rowCount } = await tx.query(`SELECT 1 FROM documents WHERE id = $1 FOR UPDATE`, [id]);
  if (rowCount === 0) return undefined;
  const { rows } = await tx.query<DocumentRow>(`SELECT ${columns} FROM documents d WHERE d.id = $1`, [id]);
  return rows[0];
}

export interface ListQuery {
  readonly userId: string;
  readonly trashed: boolean;
  readonly titleContains: string | undefined;
  readonly after: PageKey | undefined;
  readonly limit: number;
}

/** Newest change first. Only owners see what is in the trash. */
export async function listHeld(db: Queryable, query: ListQuery): Promise<readonly Held[]> {
  const pattern = query.titleContains === undefined ? null : `%${query.titleContains.replace(/[\\%_]/g, '\\$&')}%`;
  const { rows } = await db.query<HeldRow>(
    `SELECT ${columns}, p.role, p.revision AS revision FROM permissions p JOIN documents d ON d.id = p.document_id
     WHERE p.user_id = $1 AND CASE WHEN $2 THEN d.trashed_at IS NOT NULL AND p.role = 'owner' ELSE d.trashed_at IS NULL END
       AND ($3::text IS NULL OR d.title ILIKE $3)
       AND ($4::timestamptz IS NULL OR (d.updated_at, d.id) < ($4, $5::uuid))
     ORDER BY d.updated_at DESC, d.id DESC LIMIT $6`,
    [query.userId, query.trashed, pattern, query.after?.at ?? null, query.after?.id ?? null, query.limit],
  );
  return rows.map(held);
}

export async function updateTitle(tx: Queryable, id: string, title: string, at: Date): Promise<void> {
  await tx.query(
    `UPDATE documents SET title = $2, updated_at = greatest(updated_at, $3), metadata_revision = metadata_revision + 1 WHERE id = $1`,
    [id, title, at],
  );
}

export async function setTrashed(tx: Queryable, id: string, trashedAt: Date | null): Promise<void> {
  await tx.query(`UPDATE documents SET trashed_at = $2, metadata_revision = metadata_revision + 1 WHERE id = $1`, [
    id,
    trashedAt,
  ]);
}

export interface TextHead {
  readonly id: string;
  readonly version: number;
  readonly updatedAt: Date | null;
}

/** Keeps what was heard of the texts; older news change nothing. */
export async function keepHeads(db: Queryable, heads: readonly TextHead[]): Promise<void> {
  if (heads.length === 0) return;
  await db.query(
    `UPDATE documents d SET version = greatest(d.version, h.version), updated_at = greatest(d.updated_at, h.updated_at)
     FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS h (id, version, updated_at)
     WHERE d.id = h.id AND (h.version > d.version OR h.updated_at > d.updated_at)`,
    [heads.map((head) => head.id), heads.map((head) => head.version), heads.map((head) => head.updatedAt)],
  );
}

export async function existingIds(db: Queryable, ids: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(`SELECT id FROM documents WHERE id = ANY ($1::uuid[])`, [ids]);
  return rows.map((row) => row.id);
}

/** Documents whose time in the trash is over, the oldest first. */
export async function expiredIds(db: Queryable, trashedBefore: Date, limit: number): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM documents WHERE trashed_at < $1 ORDER BY trashed_at LIMIT $2`,
    [trashedBefore, limit],
  );
  return rows.map((row) => row.id);
}

/** Takes an expired document; false when another replica has it, or it was taken out of the trash. */
export async function takeExpired(tx: Queryable, id: string, trashedBefore: Date): Promise<boolean> {
  const { rowCount } = await tx.query(
    `SELECT 1 FROM documents WHERE id = $1 AND trashed_at < $2 FOR UPDATE SKIP LOCKED`,
    [id, trashedBefore],
  );
  return rowCount === 1;
}

export async function deleteDocument(tx: Queryable, id: string): Promise<void> {
  await tx.query(`DELETE FROM documents WHERE id = $1`, [id]);
}
