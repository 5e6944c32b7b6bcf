import { realtimePeerRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, Problem, reply } from '@collabeditor/kit';
import { authorOf, type Context, versionOf } from './context.ts';

/** An edit that brings an old text back, whatever the text is by then. */
export function restore({ shell, store }: Context): Mounted {
  return handle(realtimePeerRoutes.restore, async ({ params: { id }, body, caller }) => {
    const author = authorOf(caller);
    const found = await store.contentAt(id, body.version);
    if (!found) throw new Problem('not_found', 'The document has no such version');
    const { version } = versionOf(await shell.call(id, author, { type: 'restore', content: found.content }));
    return reply(200, { version });
  });
}
