import { CLOSE, realtimePeerRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, reply } from '@collabeditor/kit';
import type { Context } from './context.ts';

/** Closes the sessions at every replica and deletes the text for good. */
export function remove({ shell, store, news }: Context): Mounted {
  return handle(realtimePeerRoutes.remove, async ({ params: { id } }) => {
    shell.evict(id, CLOSE.notFound, 'deleted');
    await store.removeDocument(id);
    news.publish(id, { type: 'removed' });
    return reply(204);
  });
}
