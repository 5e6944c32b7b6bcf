import type { AnyEvent, CloudEvent } from '@collabeditor/contracts';
import type { Tx, Verdict } from '@collabeditor/kit';
import { claim } from './claims.ts';
import type { Context } from './context.ts';
import { changeOwner } from './owners.ts';
import { keepHeads, lockDocument, setTrashed } from './store/documents.ts';
import { documentsOf, findPermission, longestStandingEditor, revoke } from './store/permissions.ts';

/** What the queue `documents` brings. Each case looks at what is, so an event that comes twice changes nothing the second time. */
export async function consume(context: Context, event: AnyEvent): Promise<Verdict> {
  switch (event.type) {
    case 'user.verified':
      await claim(context, event.data.userId);
      return 'ack';
    case 'user.deleted':
      await forget(context, event.data);
      return 'ack';
    case 'document.changed':
      await keepHeads(context.db, [
        { id: event.data.documentId, version: event.data.version, updatedAt: new Date(event.data.updatedAt) },
      ]);
      return 'ack';
    default:
      return 'ack';
  }
}

/** Takes a deleted user off every document, each in a transaction of its own. */
async function forget(context: Context, { userId }: CloudEvent<'user.deleted'>['data']): Promise<void> {
  for (const documentId of await documentsOf(context.db, userId)) {
    await context.transaction((tx) => forgetOn(context, tx, documentId, userId));
  }
}

/** An owned document goes to its longest-standing editor; one that nobody else edits goes to the trash. */
async function forgetOn(context: Context, tx: Tx, documentId: string, userId: string): Promise<void> {
  const document = await lockDocument(tx, documentId);
  if (document === undefined) return;
  const permission = await findPermission(tx, documentId, userId);
  if (permission === undefined) return;
  if (permission.role === 'owner') {
    const heir = await longestStandingEditor(tx, documentId);
    if (heir !== undefined) {
      await changeOwner(context, tx, documentId, { from: userId, to: heir });
    } else if (document.trashedAt === null) {
      await setTrashed(tx, documentId, context.now());
      await context.announce(tx, 'document.deleted', documentId, { documentId });
    }
  }
  const revision = await revoke(tx, documentId, userId);
  await context.announce(tx, 'permission.revoked', documentId, { documentId, userId, revision });
}
