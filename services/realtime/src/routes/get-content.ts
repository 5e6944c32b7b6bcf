import { realtimePeerRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, Problem, reply } from '@collabeditor/kit';
import type { Context } from './context.ts';

/** Read from PostgreSQL, so that it has everything that was acknowledged by any replica. */
export function getContent({ store }: Context): Mounted {
  return handle(realtimePeerRoutes.getContent, async ({ params: { id }, query: { version } }) => {
    const found = await store.contentAt(id, version ?? null);
    if (!found) throw new Problem('not_found', 'The document has no such version yet');
    return reply(200, found);
  });
}
