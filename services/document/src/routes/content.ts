import { documentRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, Problem, reply } from '@collabeditor/kit';
import { refuseTrashed, seen } from '../access.ts';
import type { Context } from '../context.ts';
import { ifMatchVersions, parseIfMatch, versionEtag } from '../etag.ts';
import { routeRights } from '../rights.ts';
import { keepHeads } from '../store/documents.ts';
import { requireText } from '../text.ts';

/** Text is realtime-service's; these routes decide who may and pass on. */
export function contentHandlers(context: Context): readonly Mounted[] {
  return [
    handle(documentRoutes.getContent, async ({ params, query, caller }) => {
      await seen(context, caller, params.id, routeRights.getContent);
      const content = await context.texts.content(params.id, query.version);
      return reply(200, content, { ETag: versionEtag(content.version) });
    }),

    handle(documentRoutes.putContent, async ({ params, body, caller, headers }) => {
      refuseTrashed(await seen(context, caller, params.id, routeRights.putContent));
      const ifMatch = headers['if-match'];
      if (ifMatch === undefined)
        throw new Problem('precondition_required', 'If-Match must name the version that the text replaces.');
      requireText(body.content);
      const version = await context.texts.putContent(
        caller,
        params.id,
        body.content,
        await matchedVersion(context, params.id, ifMatch),
      );
      await keepHeads(context.db, [{ id: params.id, version, updatedAt: context.now() }]);
      return reply(200, { version }, { ETag: versionEtag(version) });
    }),

    handle(documentRoutes.history, async ({ params, query, caller }) => {
      await seen(context, caller, params.id, routeRights.history);
      return reply(200, await context.texts.history(params.id, query));
    }),

    handle(documentRoutes.restore, async ({ params, body, caller }) => {
      refuseTrashed(await seen(context, caller, params.id, routeRights.restore));
      const version = await context.texts.restore(caller, params.id, body.version);
      await keepHeads(context.db, [{ id: params.id, version, updatedAt: context.now() }]);
      return reply(200, { version });
    }),
  ];
}

/** The version that If-Match allows to replace. One named version needs no question: realtime-service compares it under its lock. */
async function matchedVersion(context: Context, documentId: string, ifMatch: string): Promise<number> {
  const tags = parseIfMatch(ifMatch);
  const named = tags === '*' ? [] : ifMatchVersions(tags);
  const [only] = named;
  if (named.length === 1 && only !== undefined) return only;
  if (tags !== '*' && named.length === 0)
    throw new Problem('precondition_failed', 'If-Match names no version of this text.');
  const { version } = await context.texts.content(documentId, undefined);
  if (tags !== '*' && !named.includes(version))
    throw new Problem('precondition_failed', `The text is at version ${version}.`);
  return version;
}
