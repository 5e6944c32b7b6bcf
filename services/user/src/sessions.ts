import type { Tokens } from '@collabeditor/contracts';
import type { Tx } from '@collabeditor/kit';
import { signAccessToken } from './access-tokens.ts';
import type { Context } from './context.ts';
import { newSecret, secretHash } from './secrets.ts';
import { insertRefreshToken, insertSession } from './store/sessions.ts';
import type { UserRow } from './store/users.ts';

/** Begins a family of refresh tokens. */
export async function beginSession(context: Context, tx: Tx, user: UserRow): Promise<Tokens> {
  const id = context.newId();
  await insertSession(tx, { id, userId: user.id, expiresAt: refreshExpiry(context) });
  return nextTokens(context, tx, user, id);
}

/** The next pair of a family. */
export async function nextTokens(context: Context, tx: Tx, user: UserRow, sessionId: string): Promise<Tokens> {
  const refreshToken = newSecret();
  await insertRefreshToken(tx, { hash: secretHash(refreshToken), sessionId, expiresAt: refreshExpiry(context) });
  const { ISSUER: issuer, ACCESS_TOKEN_TTL: ttlMs } = context.config;
  const accessToken = await signAccessToken(context.keys.current().signing, user, {
    issuer,
    ttlMs,
    now: context.now(),
  });
  return { accessToken, refreshToken, expiresIn: Math.max(1, Math.round(ttlMs / 1000)) };
}

function refreshExpiry(context: Context): Date {
  return new Date(context.now().getTime() + context.config.REFRESH_TOKEN_TTL);
}
