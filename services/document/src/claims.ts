import { emailKey, type UserCard } from '@collabeditor/contracts';
import type { Caller } from '@collabeditor/kit';
import type { Context } from './context.ts';
import { higherRole } from './rights.ts';
import { lockDocument } from './store/documents.ts';
import { invitedTo, takeInvitation } from './store/invitations.ts';
import { findPermission, grant } from './store/permissions.ts';

/**
 * Claims what the caller is invited to, to one document or to all. The event `user.verified` does the same, but a verified
 * user shall not have to wait for it.
 */
export async function claimForCaller(context: Context, caller: Caller, documentId?: string): Promise<boolean> {
  const open = await invitedTo(context.db, { emailKey: emailKey(caller.email), now: context.now(), documentId });
  return open.length > 0 && claim(context, caller.userId, documentId);
}

/**
 * Turns open invitations to the user's address into permissions, each document in a transaction of its own, if user-service
 * says that the address is proven: neither a token nor an event that comes late says how it is now.
 */
export async function claim(context: Context, userId: string, documentId?: string): Promise<boolean> {
  const user = (await context.users.byIds([userId])).get(userId);
  if (user === undefined || !user.verified) return false;
  const open = await invitedTo(context.db, { emailKey: emailKey(user.email), now: context.now(), documentId });
  for (const id of open) await claimOne(context, user, id);
  return open.length > 0;
}

async function claimOne(context: Context, { id: userId, email }: UserCard, documentId: string): Promise<void> {
  await context.transaction(async (tx) => {
    if ((await lockDocument(tx, documentId)) === undefined) return;
    const offered = await takeInvitation(tx, { documentId, emailKey: emailKey(email), now: context.now() });
    if (offered === undefined) return;
    const before = await findPermission(tx, documentId, userId);
    const role = before ? higherRole(before.role, offered) : offered;
    if (role === before?.role) return;
    const revision = await grant(tx, documentId, userId, role, context.now());
    await context.announce(tx, 'permission.changed', documentId, { documentId, userId, role, revision });
  });
}
