import { realtimePeerRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, reply } from '@collabeditor/kit';
import { authorOf, type Context, versionOf } from './context.ts';
import { checkText } from './text.ts';

/** Replaces the text of a version by one edit that is as small as can be; an equal text makes no version. */
export function putContent({ shell }: Context): Mounted {
  return handle(realtimePeerRoutes.putContent, async ({ params: { id }, body: { content, version: base }, caller }) => {
    checkText(content);
    const { version } = versionOf(await shell.call(id, authorOf(caller), { type: 'replace', content, version: base }));
    return reply(200, { version });
  });
}
