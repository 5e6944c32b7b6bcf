import { realtimePeerRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, reply } from '@collabeditor/kit';
import { authorOf, type Context, versionOf } from './context.ts';
import { checkText } from './text.ts';

/** The first content is edit 1 of the owner, and its id is the document's: however often it is sent, it is applied once. */
export function putFirst({ shell }: Context): Mounted {
  return handle(realtimePeerRoutes.putFirst, async ({ params: { id }, body: { content }, caller }) => {
    checkText(content);
    const author = authorOf(caller);
    const { version, duplicate } = versionOf(await shell.call(id, author, { type: 'first', content, id }));
    return reply(duplicate ? 200 : 201, { version });
  });
}
