import type { Queryable, Tx } from '@collabeditor/kit';

export interface NewRefreshToken {
  readonly hash: Buffer;
  readonly sessionId: string;
  readonly expiresAt: Date;
}

export async function insertSession(tx: Tx, session: { id: string; userId: string; expiresAt: Date }): Promise<void> {
  await tx.query('INSERT INTO sessions (id, user_id, expires_at) VALUES ($1, $2, $3)', [
    session.id,
    session.userId,
    session.expiresAt,
  ]);
}

/** The session lives as long as its newest token. */
export async function insertRefreshToken(tx: Tx, token: NewRefreshToken): Promise<void> {
  await tx.query(
    `WITH prolonged AS (UPDATE sessions SET expires_at = $3 WHERE id = $2)
     INSERT INTO refresh_tokens (hash, session_id, expires_at) VALUES ($1, $2, $3)`,
    [token.hash, token.sessionId, token.expiresAt],
  );
}

/**
 * A refresh token is one of:
 * - `unknown`: never made, logged out, or swept away
 * - `used`: exchanged before
 * - `dead`: expired, or its session was revoked
 * - `fresh`: can be exchanged once
 */
export type RefreshTokenState =
  | { readonly state: 'unknown' }
  | { readonly state: 'used' | 'dead' | 'fresh'; readonly sessionId: string; readonly userId: string };

/** Locks the token's session, so that of two uses at once one is the first. */
export async function lockRefreshToken(tx: Tx, hash: Buffer, now: Date): Promise<RefreshTokenState> {
  const { rows: sessions } = await tx.query<{ id: string; user_id: string; revoked_at: Date | null }>(
    `SELECT id, user_id, revoked_at FROM sessions
     WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1) FOR UPDATE`,
    [hash],
  );
  const session = sessions[0];
  if (!session) return { state: 'unknown' };
  const { rows: tokens } = await tx.query<{ expires_at: Date; used_at: Date | null }>(
    'SELECT expires_at, used_at FROM refresh_tokens WHERE hash = $1',
    [hash],
  );
  const token = tokens[0];
  if (!token) return { state: 'unknown' };
  const owner = { sessionId: session.id, userId: session.user_id };
  if (token.used_at !== null) return { state: 'used', ...owner };
  if (session.revoked_at !== null || token.expires_at <= now) return { state: 'dead', ...owner };
  return { state: 'fresh', ...owner };
}

export async function markUsed(tx: Tx, hash: Buffer, now: Date): Promise<void> {
  await tx.query('UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1', [hash, now]);
}

export async function revokeSession(tx: Tx, sessionId: string, now: Date): Promise<void> {
  await tx.query('UPDATE sessions SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1', [sessionId, now]);
}

/** Ends the session that a token belongs to, if it belongs to one. */
export async function deleteSessionOf(db: Queryable, hash: Buffer): Promise<void> {
  await db.query('DELETE FROM sessions WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1)', [hash]);
}

export async function deleteSessionsOfUser(db: Queryable, userId: string): Promise<void> {
  await db.query('DELETE FROM sessions WHERE user_id = $1', [userId]);
}
