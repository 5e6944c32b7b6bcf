import {
  documentRoutes,
  emailKey,
  normalizeEmail,
  PAGE_DEFAULT,
  type Permission,
  type SharedRole,
  type UserCard,
} from '@collabeditor/contracts';
import { type Caller, handle, type Mounted, Problem, reply, type Reply, type Tx } from '@collabeditor/kit';
import { changing, seen } from '../access.ts';
import type { Context } from '../context.ts';
import { decodeCursor, page } from '../cursor.ts';
import { changeOwner } from '../owners.ts';
import { allows, routeRights } from '../rights.ts';
import { newToken } from '../secrets.ts';
import type { Held } from '../store/documents.ts';
import {
  deleteInvitation,
  deleteInvitationOf,
  invitationLifetimeMs,
  listInvitations,
  putInvitation,
} from '../store/invitations.ts';
import { findPermission, grant, listPermissions, permissionKey, revoke } from '../store/permissions.ts';
import { invitationView } from '../view.ts';
import { documentAnswer } from './documents.ts';

export function sharingHandlers(context: Context): readonly Mounted[] {
  return [
    handle(documentRoutes.share, async ({ params, body, caller }) => {
      const target = { documentId: params.id, right: routeRights.share };
      await seen(context, caller, target.documentId, target.right);
      const email = normalizeEmail(body.email);
      const user = await context.users.byEmail(email);
      const sharing = { caller, email, user, role: body.role };
      return changing(context, caller, target, (tx, held) => share(context, tx, held, sharing));
    }),
    permissions(context),
    handle(documentRoutes.myPermission, async ({ params, caller }) => {
      const { role } = await seen(context, caller, params.id, routeRights.myPermission);
      return reply(200, { role });
    }),
    removePermission(context),
    invitations(context),
    removeInvitation(context),
    handle(documentRoutes.transfer, async ({ params, body, caller }) => {
      const target = { documentId: params.id, right: routeRights.transfer };
      const change = { from: caller.userId, to: body.userId.toLowerCase() };
      await changing(context, caller, target, (tx, held) => transfer(context, tx, held, change));
      return documentAnswer(context, await seen(context, caller, params.id, 'read'));
    }),
  ];
}

function permissions(context: Context): Mounted {
  return handle(documentRoutes.permissions, async ({ params, query, caller }) => {
    await seen(context, caller, params.id, routeRights.permissions);
    const limit = query.limit ?? PAGE_DEFAULT;
    const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
    const found = await listPermissions(context.db, params.id, after, limit + 1);
    const { rows, nextCursor } = page(found, limit, permissionKey);
    const users = await context.users.byIds(rows.map((row) => row.userId));
    // A user who is unknown there has just been deleted; the event that removes the row is on its way.
    const items = rows.flatMap(({ userId, role }): Permission[] => {
      const user = users.get(userId);
      return user === undefined ? [] : [{ userId, email: user.email, name: user.name, role }];
    });
    return reply(200, { items, nextCursor });
  });
}

function removePermission(context: Context): Mounted {
  return handle(documentRoutes.removePermission, async ({ params, caller }) => {
    const target = { documentId: params.id, right: routeRights.removePermission, inTrash: true };
    const userId = params.userId.toLowerCase();
    await changing(context, caller, target, async (tx, { document, role }) => {
      if (userId !== caller.userId && !allows(role, 'own')) {
        throw new Problem('forbidden', 'Only the owner removes others.');
      }
      if (userId === document.ownerId) throw new Problem('owner_cannot_leave', 'Transfer the document first.');
      if ((await findPermission(tx, document.id, userId)) === undefined) {
        throw new Problem('not_found', 'The user has no role here.');
      }
      const revision = await revoke(tx, document.id, userId);
      await context.announce(tx, 'permission.revoked', document.id, { documentId: document.id, userId, revision });
    });
    return reply(204);
  });
}

function invitations(context: Context): Mounted {
  return handle(documentRoutes.invitations, async ({ params, query, caller }) => {
    await seen(context, caller, params.id, routeRights.invitations);
    const limit = query.limit ?? PAGE_DEFAULT;
    const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
    const open = { documentId: params.id, now: context.now(), after, limit: limit + 1 };
    const { rows, nextCursor } = page(await listInvitations(context.db, open), limit, (row) => ({
      at: row.createdAt,
      id: row.id,
    }));
    return reply(200, { items: rows.map(invitationView), nextCursor });
  });
}

function removeInvitation(context: Context): Mounted {
  return handle(documentRoutes.removeInvitation, async ({ params, caller }) => {
    const target = { documentId: params.id, right: routeRights.removeInvitation, inTrash: true };
    await changing(context, caller, target, async (tx, { document }) => {
      const removed = await deleteInvitation(tx, document.id, params.invitationId);
      if (!removed) throw new Problem('not_found', 'There is no such invitation.');
    });
    return reply(204);
  });
}

interface Sharing {
  readonly caller: Caller;
  readonly email: string;
  readonly user: UserCard | undefined;
  readonly role: SharedRole;
}

/** A user of the document gets another role; a verified user gets a new one; any other address gets an invitation. */
async function share(context: Context, tx: Tx, { document }: Held, sharing: Sharing): Promise<Reply> {
  const { user, email, role } = sharing;
  if (user?.id === document.ownerId) throw new Problem('is_owner', 'The owner has every right already.');
  const before = user && (await findPermission(tx, document.id, user.id));
  if (user === undefined || (before === undefined && !user.verified)) return invite(context, tx, document, sharing);

  if (before?.role !== role) {
    const revision = await grant(tx, document.id, user.id, role, context.now());
    await context.announce(tx, 'permission.changed', document.id, {
      documentId: document.id,
      userId: user.id,
      role,
      revision,
    });
  }
  await deleteInvitationOf(tx, document.id, emailKey(email));
  const permission: Permission = { userId: user.id, email: user.email, name: user.name, role };
  if (before !== undefined) return reply(200, permission);
  await announceInvited(
    context,
    tx,
    document,
    { ...sharing, email: user.email },
    { userId: user.id, invitationId: null, invitationToken: null },
  );
  return reply(201, permission);
}

async function invite(context: Context, tx: Tx, document: Held['document'], sharing: Sharing): Promise<Reply> {
  const { caller, email, role } = sharing;
  const { token, hash } = newToken();
  const at = context.now();
  const { invitation, isNew } = await putInvitation(tx, {
    id: context.newId(),
    documentId: document.id,
    email,
    emailKey: emailKey(email),
    role,
    tokenHash: hash,
    invitedBy: caller.userId,
    at,
    expiresAt: new Date(at.getTime() + invitationLifetimeMs),
  });
  await announceInvited(context, tx, document, sharing, {
    userId: null,
    invitationId: invitation.id,
    invitationToken: token,
  });
  return reply(isNew ? 201 : 200, { invitation: invitationView(invitation) });
}

interface Invited {
  readonly userId: string | null;
  readonly invitationId: string | null;
  readonly invitationToken: string | null;
}

async function announceInvited(
  context: Context,
  tx: Tx,
  document: Held['document'],
  sharing: Sharing,
  invited: Invited,
): Promise<void> {
  const { caller, email, role } = sharing;
  await context.announce(tx, 'user.invited', document.id, {
    documentId: document.id,
    documentTitle: document.title,
    invitedBy: { id: caller.userId, email: caller.email, name: caller.name },
    email,
    role,
    ...invited,
  });
}

async function transfer(
  context: Context,
  tx: Tx,
  { document }: Held,
  { from, to }: { from: string; to: string },
): Promise<void> {
  if (from === to) throw new Problem('is_owner', 'The user owns the document already.');
  if ((await findPermission(tx, document.id, to)) === undefined)
    throw new Problem('not_found', 'Share the document with the user first.');
  await changeOwner(context, tx, document.id, { from, to });
}
