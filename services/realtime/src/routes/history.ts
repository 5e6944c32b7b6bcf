import { PAGE_DEFAULT, realtimePeerRoutes } from '@collabeditor/contracts';
import { handle, type Mounted, Problem, reply } from '@collabeditor/kit';
import type { Context } from './context.ts';

/** Pages by version: an edit that comes meanwhile moves nothing. */
export function history({ store }: Context): Mounted {
  return handle(realtimePeerRoutes.history, async ({ params: { id }, query: { limit = PAGE_DEFAULT, cursor } }) => {
    const found = await store.history(id, cursor === undefined ? null : versionOfCursor(cursor), limit + 1);
    const items = found.slice(0, limit).map(({ version, userId, at }) => ({ version, userId, at: at.toISOString() }));
    const last = items.at(-1);
    return reply(200, { items, nextCursor: found.length > limit && last ? String(last.version) : null });
  });
}

function versionOfCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  const message = 'is none of ours';
  throw new Problem('invalid_request', `/cursor ${message}`, { errors: [{ path: '/cursor', message }] });
}
