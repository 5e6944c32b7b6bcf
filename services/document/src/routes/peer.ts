import { documentPeerRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, Problem, reply } from '@collabeditor/kit';
import { seen } from '../access.ts';
import type { Context } from '../context.ts';
import { existingIds } from '../store/documents.ts';
import { rolesOf } from '../store/permissions.ts';

/** What realtime-service asks (port 8081). */
export function peerHandlers(context: Context): readonly Mounted[] {
  return [
    handle(documentPeerRoutes.role, async ({ params, caller }) => {
      if (caller === null) throw new Problem('unauthenticated', 'The token of a user is needed.');
      const { document, role, revision } = await seen(context, caller, params.id, 'read');
      // Nobody edits what is in the trash, so there are no sessions on it either.
      if (document.trashedAt !== null) throw new Problem('not_found', 'There is no such document.');
      return reply(200, { role, revision });
    }),

    handle(documentPeerRoutes.roles, async ({ body }) => reply(200, { roles: await rolesOf(context.db, body.pairs) })),

    handle(documentPeerRoutes.existing, async ({ body }) =>
      reply(200, { ids: await existingIds(context.db, body.ids) }),
    ),
  ];
}
