import { createHash, randomBytes } from 'node:crypto';

/** A token that is handed out once. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** What the database keeps of a token: it has 256 random bits, so a plain hash can't be turned round. */
export function secretHash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
