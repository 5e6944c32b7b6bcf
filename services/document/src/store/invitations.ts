import { INVITATION_DAYS, type SharedRole } from '@collabeditor/contracts';
import type { Queryable } from '@collabeditor/kit';
import type { PageKey } from '../cursor.ts';

export const invitationLifetimeMs = INVITATION_DAYS * 24 * 3600 * 1000;

export interface InvitationRow {
  readonly id: string;
  readonly documentId: string;
  readonly email: string;
  readonly role: SharedRole;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

const columns = `id, document_id AS "documentId", email, role, created_at AS "createdAt", expires_at AS "expiresAt"`;

export interface NewInvitation {
  readonly id: string;
  readonly documentId: string;
  readonly email: string;
  readonly emailKey: string;
  readonly role: SharedRole;
  readonly tokenHash: Buffer;
  readonly invitedBy: string;
  readonly at: Date;
  readonly expiresAt: Date;
}

/** One invitation per document and address: an open one is renewed and keeps its id, an expired one is replaced. */
export async function putInvitation(
  tx: Queryable,
  invitation: NewInvitation,
): Promise<{ invitation: InvitationRow; isNew: boolean }> {
  await tx.query(`DELETE FROM invitations WHERE document_id = $1 AND email_key = $2 AND expires_at <= $3`, [
    invitation.documentId,
    invitation.emailKey,
    invitation.at,
  ]);
  const { rows } = await tx.query<InvitationRow>(
    `INSERT INTO invitations (id, document_id, email, email_key, role, token_hash, invited_by, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (document_id, email_key) DO UPDATE
       SET role = excluded.role, token_hash = excluded.token_hash, invited_by = excluded.invited_by, expires_at = excluded.expires_at
     RETURNING ${columns}`,
    [
      invitation.id,
      invitation.documentId,
      invitation.email,
      invitation.emailKey,
      invitation.role,
      invitation.tokenHash,
      invitation.invitedBy,
      invitation.at,
      invitation.expiresAt,
    ],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('INSERT … RETURNING gave no row');
  return { invitation: row, isNew: row.id === invitation.id };
}

export async function listInvitations(
  db: Queryable,
  query: { documentId: string; now: Date; after: PageKey | undefined; limit: number },
): Promise<readonly InvitationRow[]> {
  const { rows } = await db.query<InvitationRow>(
    `SELECT ${columns} FROM invitations
     WHERE document_id = $1 AND expires_at > $2 AND ($3::timestamptz IS NULL OR (created_at, id) > ($3, $4::uuid))
     ORDER BY created_at, id LIMIT $5`,
    [query.documentId, query.now, query.after?.at ?? null, query.after?.id ?? null, query.limit],
  );
  return rows;
}

export async function deleteInvitation(tx: Queryable, documentId: string, id: string): Promise<boolean> {
  const { rowCount } = await tx.query(`DELETE FROM invitations WHERE document_id = $1 AND id = $2`, [documentId, id]);
  return rowCount === 1;
}

export async function deleteInvitationOf(tx: Queryable, documentId: string, emailKey: string): Promise<void> {
  await tx.query(`DELETE FROM invitations WHERE document_id = $1 AND email_key = $2`, [documentId, emailKey]);
}

/** Documents that the address is invited to; of one document when it is named. */
export async function invitedTo(
  db: Queryable,
  query: { emailKey: string; now: Date; documentId?: string | undefined },
): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT document_id AS id FROM invitations WHERE email_key = $1 AND expires_at > $2 AND ($3::uuid IS NULL OR document_id = $3) ORDER BY document_id`,
    [query.emailKey, query.now, query.documentId ?? null],
  );
  return rows.map((row) => row.id);
}

/** Removes the open invitation and answers its role: whoever gets it here has claimed it. The caller holds the document's row. */
export async function takeInvitation(
  tx: Queryable,
  query: { documentId: string; emailKey: string; now: Date },
): Promise<SharedRole | undefined> {
  const { rows } = await tx.query<{ role: SharedRole }>(
    `DELETE FROM invitations WHERE document_id = $1 AND email_key = $2 AND expires_at > $3 RETURNING role`,
    [query.documentId, query.emailKey, query.now],
  );
  return rows[0]?.role;
}

export async function deleteExpiredInvitations(db: Queryable, now: Date): Promise<void> {
  await db.query(`DELETE FROM invitations WHERE expires_at <= $1`, [now]);
}
