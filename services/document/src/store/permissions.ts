import type { Role } from '@collabeditor/contracts';
import type { Queryable } from '@collabeditor/kit';
import type { PageKey } from '../cursor.ts';

export interface PermissionRow {
  readonly userId: string;
  readonly role: Role;
  readonly revision: number;
  readonly grantedAt: Date;
}

const columns = `user_id AS "userId", role, revision AS revision, granted_at AS "grantedAt"`;

export async function findPermission(
  db: Queryable,
  documentId: string,
  userId: string,
): Promise<PermissionRow | undefined> {
  const { rows } = await db.query<PermissionRow>(
    `SELECT ${columns} FROM permissions WHERE document_id = $1 AND user_id = $2`,
    [documentId, userId],
  );
  return rows[0];
}

/** The owner first, then by seniority. */
export async function listPermissions(
  db: Queryable,
  documentId: string,
  after: PageKey | undefined,
  limit: number,
): Promise<readonly PermissionRow[]> {
  const { rows } = await db.query<PermissionRow>(
    `SELECT ${columns} FROM permissions
     WHERE document_id = $1 AND ($2::timestamptz IS NULL OR (role <> 'owner' AND (granted_at, user_id) > ($2, $3::uuid)))
     ORDER BY role <> 'owner', granted_at, user_id LIMIT $4`,
    [documentId, after?.at ?? null, after?.id ?? null, limit],
  );
  return rows;
}

const start: PageKey = { at: new Date(0), id: '00000000-0000-0000-0000-000000000000' };

/** After the owner everybody else follows, so the owner's key is before all others. */
export function permissionKey(row: PermissionRow): PageKey {
  return row.role === 'owner' ? start : { at: row.grantedAt, id: row.userId };
}

/** Gives the role and answers the permission's new revision. The caller holds the document's row. */
export async function grant(tx: Queryable, documentId: string, userId: string, role: Role, at: Date): Promise<number> {
  const revision = await nextRevision(tx, documentId);
  await tx.query(
    `INSERT INTO permissions (document_id, user_id, role, revision, granted_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (document_id, user_id) DO UPDATE SET role = excluded.role, revision = excluded.revision`,
    [documentId, userId, role, revision, at],
  );
  return revision;
}

/** Takes every right away and answers the revision of that. The caller holds the document's row. */
export async function revoke(tx: Queryable, documentId: string, userId: string): Promise<number> {
  await tx.query(`DELETE FROM permissions WHERE document_id = $1 AND user_id = $2`, [documentId, userId]);
  return nextRevision(tx, documentId);
}

/** The owner changes: the metadata show it. */
export async function touchOwner(tx: Queryable, documentId: string): Promise<void> {
  await tx.query(`UPDATE documents SET metadata_revision = metadata_revision + 1 WHERE id = $1`, [documentId]);
}

export async function longestStandingEditor(tx: Queryable, documentId: string): Promise<string | undefined> {
  const { rows } = await tx.query<{ userId: string }>(
    `SELECT user_id AS "userId" FROM permissions WHERE document_id = $1 AND role = 'editor' ORDER BY granted_at, user_id LIMIT 1`,
    [documentId],
  );
  return rows[0]?.userId;
}

export async function documentsOf(db: Queryable, userId: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT document_id AS id FROM permissions WHERE user_id = $1 ORDER BY document_id`,
    [userId],
  );
  return rows.map((row) => row.id);
}

export interface Pair {
  readonly documentId: string;
  readonly userId: string;
}

export interface PairRole extends Pair {
  readonly role: Role | null;
  readonly revision: number;
}

/** The roles of many pairs, in their order. Unknown or trashed documents give none; their revision is the newest known. */
export async function rolesOf(db: Queryable, pairs: readonly Pair[]): Promise<readonly PairRole[]> {
  const { rows } = await db.query<PairRole>(
    `SELECT pair.document_id AS "documentId", pair.user_id AS "userId",
       CASE WHEN d.trashed_at IS NULL THEN p.role END AS role,
       coalesce(p.revision, d.rights_revision, 0) AS revision
     FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS pair (document_id, user_id, position)
     LEFT JOIN documents d ON d.id = pair.document_id
     LEFT JOIN permissions p ON p.document_id = pair.document_id AND p.user_id = pair.user_id
     ORDER BY pair.position`,
    [pairs.map((pair) => pair.documentId), pairs.map((pair) => pair.userId)],
  );
  return rows;
}

async function nextRevision(tx: Queryable, documentId: string): Promise<number> {
  const { rows } = await tx.query<{ revision: number }>(
    `UPDATE documents SET rights_revision = rights_revision + 1 WHERE id = $1 RETURNING rights_revision AS revision`,
    [documentId],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('the document of a permission is locked by the caller, yet it is gone');
  return row.revision;
}
