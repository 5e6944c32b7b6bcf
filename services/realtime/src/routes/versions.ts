import { realtimePeerRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, reply } from '@collabeditor/kit';
import type { Context } from './context.ts';

/** Heads of many documents; one that nobody has edited is at version 0. */
export function versions({ store }: Context): Mounted {
  return handle(realtimePeerRoutes.versions, async ({ body: { ids } }) => {
    const found = await store.heads(ids);
    return reply(200, {
      versions: ids.map((id) => {
        const head = found.get(id.toLowerCase());
        return { id, version: head?.version ?? 0, updatedAt: head?.updatedAt.toISOString() ?? null };
      }),
    });
  });
}
