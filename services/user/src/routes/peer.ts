import { emailKey, userPeerRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, Problem, reply } from '@collabeditor/kit';
import type { Context } from '../context.ts';
import { toCard, usersByIds } from '../store/users.ts';
import { findUser, keysHandler } from './sessions.ts';

/** For the other services (port 8081). */
export function peerHandlers(context: Context): readonly Mounted[] {
  return [
    handle(userPeerRoutes.userByEmail, async ({ query }) => {
      const user = await findUser(context, emailKey(query.email));
      if (!user) throw new Problem('not_found');
      return reply(200, toCard(user));
    }),

    handle(userPeerRoutes.usersLookup, async ({ body }) => {
      const users = await usersByIds(context.db, body.ids);
      return reply(200, { users: users.map(toCard) });
    }),

    keysHandler(context),
  ];
}
