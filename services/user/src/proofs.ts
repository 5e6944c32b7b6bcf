/** How an address is proved: by a mailed link, an invitation, or (without a mail server) by nothing. */
import type { Tx } from '@collabeditor/kit';
import type { Context } from './context.ts';
import { newSecret, secretHash } from './secrets.ts';
import { insertMailedToken, type MailedTokenKind } from './store/tokens.ts';
import { markVerified, type UserRow } from './store/users.ts';

const hour = 3_600_000;
const lifetime: Readonly<Record<MailedTokenKind, number>> = { verify_address: 7 * 24 * hour, reset_password: hour };

/** Has a link mailed to the user. Only the mail holds the token. */
export async function mailLink(context: Context, tx: Tx, user: UserRow, kind: MailedTokenKind): Promise<void> {
  const token = newSecret();
  const expiresAt = new Date(context.now().getTime() + lifetime[kind]);
  await insertMailedToken(tx, { hash: secretHash(token), kind, userId: user.id, expiresAt });
  await context.announce(tx, 'mail.requested', user.id, { kind, to: { email: user.email, name: user.name }, token });
}

/** Marks the address as the user's own and tells it, once. */
export async function proveAddress(context: Context, tx: Tx, userId: string): Promise<void> {
  const user = await markVerified(tx, userId);
  if (user) await tellVerified(context, tx, user);
}

export async function tellVerified(context: Context, tx: Tx, user: UserRow): Promise<void> {
  await context.announce(tx, 'user.verified', user.id, { userId: user.id, email: user.email, name: user.name });
}
