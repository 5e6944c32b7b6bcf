import { documentRoutes, PAGE_DEFAULT } from '@collabeditor/contracts';
import { type Caller, handle, type Mounted, Problem, reply, type Reply } from '@collabeditor/kit';
import { changing, seen } from '../access.ts';
import { claimForCaller } from '../claims.ts';
import type { Context } from '../context.ts';
import { decodeCursor, page } from '../cursor.ts';
import { documentEtag, ifMatchHolds } from '../etag.ts';
import { newDocumentId } from '../idempotency.ts';
import { routeRights } from '../rights.ts';
import {
  findHeld,
  type Held,
  insertDocument,
  keepHeads,
  listHeld,
  setTrashed,
  updateTitle,
} from '../store/documents.ts';
import { requireText } from '../text.ts';
import { documentView } from '../view.ts';

export function documentHandlers(context: Context): readonly Mounted[] {
  return [
    create(context),
    list(context),
    handle(documentRoutes.get, async ({ params, caller }) =>
      documentAnswer(context, await seen(context, caller, params.id, routeRights.get)),
    ),
    rename(context),
    remove(context),
    undelete(context),
  ];
}

function create(context: Context): Mounted {
  return handle(documentRoutes.create, async ({ body, caller, headers }) => {
    const id = newDocumentId(caller, headers, context.now()) ?? context.newId();
    const content = body.content ?? '';
    requireText(content);
    // Text first: text without metadata is cleaned up, metadata without text would be a document that lost its content.
    const version = content === '' ? 0 : await context.texts.putFirst(caller, id, content);
    await context.transaction(async (tx) => {
      const document = { id, title: body.title, ownerId: caller.userId, version, at: context.now() };
      if (!(await insertDocument(tx, document))) return;
      const { ownerId, title } = document;
      await context.announce(tx, 'document.created', id, { documentId: id, ownerId, title });
    });
    const held = await findHeld(context.db, id, caller.userId);
    if (held === undefined) throw new Problem('not_found', 'The document was deleted at once.');
    const ETag = documentEtag(held.document.metadataRevision, held.role);
    return reply(201, documentView(held), { Location: `/documents/${id}`, ETag });
  });
}

function list(context: Context): Mounted {
  return handle(documentRoutes.list, async ({ query, caller }) => {
    const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
    const limit = query.limit ?? PAGE_DEFAULT;
    await claimIfPossible(context, caller);
    const found = await listHeld(context.db, {
      userId: caller.userId,
      trashed: query.trashed ?? false,
      titleContains: query.q,
      after,
      limit: limit + 1,
    });
    const { rows, nextCursor } = page(found, limit, ({ document }) => ({ at: document.updatedAt, id: document.id }));
    const heads = await context.texts.heads(rows.map(({ document }) => document.id));
    // What realtime-service knows first is kept, so that the order of the next page and the next list knows it too.
    await keepHeads(context.db, [...heads.values()]);
    const items = rows.map((held) => documentView(held, heads.get(held.document.id)));
    return reply(200, { items: items.sort(byNewestChange), nextCursor });
  });
}

function byNewestChange(one: { updatedAt: string }, other: { updatedAt: string }): number {
  return one.updatedAt === other.updatedAt ? 0 : one.updatedAt < other.updatedAt ? 1 : -1;
}

/** The list is worth showing without what would be claimed now: the event claims it later. */
async function claimIfPossible(context: Context, caller: Caller): Promise<void> {
  try {
    await claimForCaller(context, caller);
  } catch (error) {
    if (!(error instanceof Problem && error.code === 'unavailable')) throw error;
  }
}

function rename(context: Context): Mounted {
  return handle(documentRoutes.patch, async ({ params, body, caller, headers }) => {
    const target = { documentId: params.id, right: routeRights.patch };
    await changing(context, caller, target, async (tx, { document, role }) => {
      const ifMatch = headers['if-match'];
      if (ifMatch !== undefined && !ifMatchHolds(ifMatch, documentEtag(document.metadataRevision, role))) {
        throw new Problem('precondition_failed', 'The document has changed since; read it again.');
      }
      if (document.title !== body.title) await updateTitle(tx, document.id, body.title, context.now());
    });
    return documentAnswer(context, await seen(context, caller, params.id, 'read'));
  });
}

function remove(context: Context): Mounted {
  return handle(documentRoutes.remove, async ({ params, caller }) => {
    const target = { documentId: params.id, right: routeRights.remove, inTrash: true };
    await changing(context, caller, target, async (tx, { document }) => {
      if (document.trashedAt !== null) return;
      await setTrashed(tx, document.id, context.now());
      await context.announce(tx, 'document.deleted', document.id, { documentId: document.id });
    });
    return reply(204);
  });
}

function undelete(context: Context): Mounted {
  return handle(documentRoutes.undelete, async ({ params, caller }) => {
    const target = { documentId: params.id, right: routeRights.undelete, inTrash: true };
    await changing(context, caller, target, async (tx, { document }) => {
      if (document.trashedAt === null) return;
      await setTrashed(tx, document.id, null);
      await context.announce(tx, 'document.restored', document.id, { documentId: document.id });
    });
    return documentAnswer(context, await seen(context, caller, params.id, 'read'));
  });
}

/** A document with what realtime-service says of its text. */
export async function documentAnswer(context: Context, held: Held): Promise<Reply> {
  const heads = await context.texts.heads([held.document.id]);
  const { document, role } = held;
  const ETag = documentEtag(document.metadataRevision, role);
  return reply(200, documentView(held, heads.get(document.id)), { ETag });
}
