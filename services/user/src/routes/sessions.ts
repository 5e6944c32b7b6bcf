import { emailKey, userRoutes } from '@collabeditor/contracts';
import { handle, JWKS_MAX_AGE_MS, type Mounted, Problem, reply } from '@collabeditor/kit';
import type { Context } from '../context.ts';
import { requirePassword } from '../credentials.ts';
import { secretHash } from '../secrets.ts';
import { beginSession, nextTokens } from '../sessions.ts';
import { deleteSessionOf, deleteSessionsOfUser, lockRefreshToken, markUsed, revokeSession } from '../store/sessions.ts';
import { toUser, userByEmailKey, userById } from '../store/users.ts';

export function sessionHandlers(context: Context): readonly Mounted[] {
  return [
    handle(userRoutes.login, async ({ body, ip }) => {
      const key = emailKey(body.email);
      const user = await findUser(context, key);
      await requirePassword(context, user, body.password, { emailKey: key, ip });
      if (!user) throw new Problem('invalid_credentials');
      return reply(
        200,
        await context.transaction(async (tx) => ({ user: toUser(user), ...(await beginSession(context, tx, user)) })),
      );
    }),

    handle(userRoutes.refresh, async ({ body }) => reply(200, await exchange(context, body.refreshToken))),

    handle(userRoutes.logout, async ({ body }) => {
      await deleteSessionOf(context.db, secretHash(body.refreshToken));
      return reply(204);
    }),

    handle(userRoutes.logoutAll, async ({ caller }) => {
      await deleteSessionsOfUser(context.db, caller.userId);
      return reply(204);
    }),

    keysHandler(context),
  ];
}

/** The public keys, on both ports. */
export function keysHandler(context: Context): Mounted {
  const headers = { 'Cache-Control': `public, max-age=${JWKS_MAX_AGE_MS / 1000}` };
  return handle(userRoutes.jwks, async () => reply(200, context.keys.current().published, headers));
}

/** Text that no address can have is text that PostgreSQL may not take. */
export async function findUser(context: Context, key: string) {
  return key.includes('\u0000') || !key.isWellFormed() ? null : userByEmailKey(context.db, key);
}

async function exchange(context: Context, refreshToken: string) {
  const hash = secretHash(refreshToken);
  const outcome = await context.transaction(async (tx) => {
    const now = context.now();
    const token = await lockRefreshToken(tx, hash, now);
    // Somebody has a copy, and nobody can say which of the two is the thief: the whole family ends.
    if (token.state === 'used') await revokeSession(tx, token.sessionId, now);
    if (token.state !== 'fresh') return token.state;
    const user = await userById(tx, token.userId);
    if (!user) return 'unknown';
    await markUsed(tx, hash, now);
    return nextTokens(context, tx, user, token.sessionId);
  });
  if (typeof outcome === 'object') return outcome;
  throw new Problem(outcome === 'used' ? 'token_reused' : 'invalid_token');
}
