import type { Queryable, Tx } from '@collabeditor/kit';

export type MailedTokenKind = 'verify_address' | 'reset_password';

export interface MailedToken {
  readonly hash: Buffer;
  readonly kind: MailedTokenKind;
  readonly userId: string;
  readonly expiresAt: Date;
}

export async function insertMailedToken(tx: Tx, token: MailedToken): Promise<void> {
  await tx.query('INSERT INTO mailed_tokens (hash, kind, user_id, expires_at) VALUES ($1, $2, $3, $4)', [
    token.hash,
    token.kind,
    token.userId,
    token.expiresAt,
  ]);
}

/** The user that a living token was mailed to. */
export async function holderOf(db: Queryable, hash: Buffer, kind: MailedTokenKind, now: Date): Promise<string | null> {
  const { rows } = await db.query<{ user_id: string }>(
    'SELECT user_id FROM mailed_tokens WHERE hash = $1 AND kind = $2 AND expires_at > $3',
    [hash, kind, now],
  );
  return rows[0]?.user_id ?? null;
}

/** As {@link holderOf}, and the token is gone: of two uses at once one finds it. */
export async function takeMailedToken(tx: Tx, hash: Buffer, kind: MailedTokenKind, now: Date): Promise<string | null> {
  const { rows } = await tx.query<{ user_id: string }>(
    'DELETE FROM mailed_tokens WHERE hash = $1 AND kind = $2 AND expires_at > $3 RETURNING user_id',
    [hash, kind, now],
  );
  return rows[0]?.user_id ?? null;
}

/** All reset links of a user die with the first that is used, and with a change of the password. */
export async function deleteResetTokens(tx: Tx, userId: string): Promise<void> {
  await tx.query(`DELETE FROM mailed_tokens WHERE user_id = $1 AND kind = 'reset_password'`, [userId]);
}

export async function insertInvitation(tx: Tx, hash: Buffer, emailKey: string, expiresAt: Date): Promise<void> {
  await tx.query(
    'INSERT INTO invitations (hash, email_key, expires_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING',
    [hash, emailKey, expiresAt],
  );
}

/** Whether this living invitation was mailed to this address. */
export async function isInvited(db: Queryable, hash: Buffer, emailKey: string, now: Date): Promise<boolean> {
  const { rowCount } = await db.query(
    'SELECT 1 FROM invitations WHERE hash = $1 AND email_key = $2 AND expires_at > $3',
    [hash, emailKey, now],
  );
  return (rowCount ?? 0) > 0;
}

/** Forgets what has run out. A used refresh token is kept as long as its session, so that its second use shows. */
export async function deleteExpired(db: Queryable, now: Date): Promise<void> {
  await db.query('DELETE FROM sessions WHERE expires_at <= $1', [now]);
  await db.query('DELETE FROM mailed_tokens WHERE expires_at <= $1', [now]);
  await db.query('DELETE FROM invitations WHERE expires_at <= $1', [now]);
}
