import { documentRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, Problem, reply } from '@collabeditor/kit';
import { changing, seen } from '../access.ts';
import type { Context } from '../context.ts';
import { higherRole, routeRights } from '../rights.ts';
import { hashToken, newToken } from '../secrets.ts';
import { lockDocument } from '../store/documents.ts';
import { deleteLink, findLink, putLink } from '../store/links.ts';
import { findPermission, grant } from '../store/permissions.ts';
import { documentAnswer } from './documents.ts';

export function linkHandlers(context: Context): readonly Mounted[] {
  return [
    handle(documentRoutes.createLink, async ({ params, body, caller }) => {
      const { token, hash } = newToken();
      await changing(context, caller, { documentId: params.id, right: routeRights.createLink }, (tx, { document }) =>
        putLink(tx, { documentId: document.id, role: body.role, tokenHash: hash, at: context.now() }),
      );
      return reply(201, { token, role: body.role });
    }),

    handle(documentRoutes.removeLink, async ({ params, caller }) => {
      await changing(
        context,
        caller,
        { documentId: params.id, right: routeRights.removeLink, inTrash: true },
        (tx, { document }) => deleteLink(tx, document.id),
      );
      return reply(204);
    }),

    handle(documentRoutes.join, async ({ body, caller }) => {
      const documentId = await join(context, caller.userId, hashToken(body.token));
      return documentAnswer(context, await seen(context, caller, documentId, 'read'));
    }),
  ];
}

async function join(context: Context, userId: string, tokenHash: Buffer): Promise<string> {
  const unknown = new Problem('not_found', 'There is no such link.');
  const hint = await findLink(context.db, tokenHash);
  if (hint === undefined) throw unknown;
  await context.transaction(async (tx) => {
    const document = await lockDocument(tx, hint.documentId);
    // Read again under the lock: the link may have been removed, or its document trashed, in between.
    const link = await findLink(tx, tokenHash);
    if (document === undefined || document.trashedAt !== null || link === undefined) throw unknown;
    const before = await findPermission(tx, document.id, userId);
    const role = before ? higherRole(before.role, link.role) : link.role;
    if (role === before?.role) return;
    const revision = await grant(tx, document.id, userId, role, context.now());
    await context.announce(tx, 'permission.changed', document.id, { documentId: document.id, userId, role, revision });
  });
  return hint.documentId;
}
