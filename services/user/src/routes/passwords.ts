import { emailKey, userRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, Problem, reply, type Tx } from '@collabeditor/kit';
import type { Context } from '../context.ts';
import { requirePassword } from '../credentials.ts';
import { mailLink, proveAddress } from '../proofs.ts';
import { secretHash } from '../secrets.ts';
import { deleteSessionsOfUser } from '../store/sessions.ts';
import { deleteResetTokens, takeMailedToken } from '../store/tokens.ts';
import { setPassword, userById, type UserRow } from '../store/users.ts';
import { callerRow } from './accounts.ts';
import { findUser } from './sessions.ts';

const HOUR = 3_600_000;

export function passwordHandlers(context: Context): readonly Mounted[] {
  return [
    handle(userRoutes.changePassword, async ({ caller, body, ip }) => {
      const user = await callerRow(context, caller);
      await requirePassword(context, user, body.current, { emailKey: user.email_key, ip });
      const password = await context.passwords.hash(body.new);
      await context.transaction((tx) => replacePassword(context, tx, user, password));
      return reply(204);
    }),

    handle(userRoutes.forgotPassword, async ({ body }) => {
      const key = emailKey(body.email);
      const user = await findUser(context, key);
      const limit = { name: 'reset', max: context.config.RESET_MAILS_PER_EMAIL, windowMs: HOUR };
      if (user && (await context.limits.count(limit, key))) {
        await context.transaction((tx) => mailLink(context, tx, user, 'reset_password'));
      }
      return reply(202);
    }),

    handle(userRoutes.resetPassword, async ({ body }) => {
      const password = await context.passwords.hash(body.password);
      await context.transaction(async (tx) => {
        const userId = await takeMailedToken(tx, secretHash(body.token), 'reset_password', context.now());
        const user = userId === null ? null : await userById(tx, userId);
        if (!user) throw new Problem('invalid_token');
        await replacePassword(context, tx, user, password);
        // Whoever has the token reads the mail of the address.
        await proveAddress(context, tx, user.id);
      });
      return reply(204);
    }),
  ];
}

/** Ends all sessions and open reset links, and tells the user by mail. */
async function replacePassword(context: Context, tx: Tx, user: UserRow, password: string): Promise<void> {
  await setPassword(tx, user.id, password);
  await deleteSessionsOfUser(tx, user.id);
  await deleteResetTokens(tx, user.id);
  const to = { email: user.email, name: user.name };
  await context.announce(tx, 'mail.requested', user.id, { kind: 'password_changed', to, token: null });
}
