import type { Queryable, Reply } from '@collabeditor/kit';

export interface Key {
  readonly userId: string;
  readonly key: string;
}

/** Whether the request is this one's to do: nobody used the key, or whoever did has vanished. */
export async function claimKey(
  db: Queryable,
  claim: Key & { hash: Buffer; now: Date; abandonedBefore: Date },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO idempotency AS i (user_id, key, request_hash, claimed_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (user_id, key) DO UPDATE SET claimed_at = excluded.claimed_at
       WHERE i.answer IS NULL AND i.claimed_at < $5 AND i.request_hash = excluded.request_hash`,
    [claim.userId, claim.key, claim.hash, claim.now, claim.abandonedBefore],
  );
  return rowCount === 1;
}

export async function readKey(
  db: Queryable,
  { userId, key }: Key,
): Promise<{ hash: Buffer; answer: Reply | null } | undefined> {
  const { rows } = await db.query<{ hash: Buffer; answer: Reply | null }>(
    `SELECT request_hash AS hash, answer FROM idempotency WHERE user_id = $1 AND key = $2`,
    [userId, key],
  );
  return rows[0];
}

export async function keepAnswer(db: Queryable, { userId, key, answer }: Key & { answer: Reply }): Promise<void> {
  await db.query(`UPDATE idempotency SET answer = $3 WHERE user_id = $1 AND key = $2`, [
    userId,
    key,
    JSON.stringify(answer),
  ]);
}

export async function releaseKey(db: Queryable, { userId, key }: Key): Promise<void> {
  await db.query(`DELETE FROM idempotency WHERE user_id = $1 AND key = $2 AND answer IS NULL`, [userId, key]);
}

export async function deleteOldKeys(db: Queryable, before: Date): Promise<void> {
  await db.query(`DELETE FROM idempotency WHERE claimed_at < $1`, [before]);
}
