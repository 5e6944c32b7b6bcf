import type { SharedRole } from '@collabeditor/contracts';
import type { Queryable } from '@collabeditor/kit';

/** A document has at most one link: a new one ends the old. */
export async function putLink(
  tx: Queryable,
  link: { documentId: string; role: SharedRole; tokenHash: Buffer; at: Date },
): Promise<void> {
  await tx.query(
    `INSERT INTO links (document_id, role, token_hash, created_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (document_id) DO UPDATE SET role = excluded.role, token_hash = excluded.token_hash, created_at = excluded.created_at`,
    [link.documentId, link.role, link.tokenHash, link.at],
  );
}

export async function deleteLink(tx: Queryable, documentId: string): Promise<void> {
  await tx.query(`DELETE FROM links WHERE document_id = $1`, [documentId]);
}

export async function findLink(
  db: Queryable,
  tokenHash: Buffer,
): Promise<{ documentId: string; role: SharedRole } | undefined> {
  const { rows } = await db.query<{ documentId: string; role: SharedRole }>(
    `SELECT document_id AS "documentId", role FROM links WHERE token_hash = $1`,
    [tokenHash],
  );
  return rows[0];
}
