import type { User, UserCard } from '@collabeditor/contracts';
import type { Queryable, Tx } from '@collabeditor/kit';

export interface UserRow {
  readonly id: string;
  readonly email: string;
  readonly email_key: string;
  readonly name: string;
  readonly password: string;
  readonly verified: boolean;
  readonly registration_key: Buffer | null;
  readonly created_at: Date;
}

const columns = 'id, email, email_key, name, password, verified, registration_key, created_at';

export interface NewUser {
  readonly id: string;
  readonly email: string;
  readonly emailKey: string;
  readonly name: string;
  readonly password: string;
  readonly verified: boolean;
  readonly claimedInvitation: Buffer | null;
  readonly registrationKey: Buffer | null;
  readonly createdAt: Date;
}

/** Whoever registers an address and whoever hears of an invitation to it take turns, so that one of them sees the other. */
export async function lockAddress(tx: Tx, emailKey: string): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('address:' || $1, 0))`, [emailKey]);
}

/** Null where the address is taken. */
export async function insertUser(tx: Tx, user: NewUser): Promise<UserRow | null> {
  const { rows } = await tx.query<UserRow>(
    `INSERT INTO users (id, email, email_key, name, password, verified, claimed_invitation, registration_key, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (email_key) DO NOTHING RETURNING ${columns}`,
    [
      user.id,
      user.email,
      user.emailKey,
      user.name,
      user.password,
      user.verified,
      user.claimedInvitation,
      user.registrationKey,
      user.createdAt,
    ],
  );
  return rows[0] ?? null;
}

export async function userById(db: Queryable, id: string): Promise<UserRow | null> {
  const { rows } = await db.query<UserRow>(`SELECT ${columns} FROM users WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

export async function userByEmailKey(db: Queryable, emailKey: string): Promise<UserRow | null> {
  const { rows } = await db.query<UserRow>(`SELECT ${columns} FROM users WHERE email_key = $1`, [emailKey]);
  return rows[0] ?? null;
}

export async function usersByIds(db: Queryable, ids: readonly string[]): Promise<readonly UserRow[]> {
  const { rows } = await db.query<UserRow>(`SELECT ${columns} FROM users WHERE id = ANY($1::uuid[])`, [ids]);
  return rows;
}

export async function renameUser(db: Queryable, id: string, name: string): Promise<UserRow | null> {
  const { rows } = await db.query<UserRow>(`UPDATE users SET name = $2 WHERE id = $1 RETURNING ${columns}`, [id, name]);
  return rows[0] ?? null;
}

/** Null where the address was verified before. */
export async function markVerified(tx: Tx, id: string): Promise<UserRow | null> {
  const { rows } = await tx.query<UserRow>(
    `UPDATE users SET verified = true, claimed_invitation = NULL WHERE id = $1 AND NOT verified RETURNING ${columns}`,
    [id],
  );
  return rows[0] ?? null;
}

/** The unverified user of this address who registered with this invitation's token. */
export async function claimantOf(tx: Tx, hash: Buffer, emailKey: string): Promise<UserRow | null> {
  const { rows } = await tx.query<UserRow>(
    `SELECT ${columns} FROM users WHERE claimed_invitation = $1 AND email_key = $2 AND NOT verified`,
    [hash, emailKey],
  );
  return rows[0] ?? null;
}

export async function setPassword(tx: Tx, id: string, password: string): Promise<void> {
  await tx.query('UPDATE users SET password = $2 WHERE id = $1', [id, password]);
}

/** With everything that refers to the user. False where there was none. */
export async function deleteUser(tx: Tx, id: string): Promise<boolean> {
  return ((await tx.query('DELETE FROM users WHERE id = $1', [id])).rowCount ?? 0) > 0;
}

export function toUser(row: UserRow): User {
  const { id, email, name, verified, created_at } = row;
  return { id, email, name, verified, createdAt: created_at.toISOString() };
}

export function toCard({ id, email, name, verified }: UserRow): UserCard {
  return { id, email, name, verified };
}
