import type { Tx } from '@collabeditor/kit';
import type { Context } from './context.ts';
import { grant, touchOwner } from './store/permissions.ts';

/** Makes `to` the owner; `from` becomes an editor. Never two owners, not even for a statement. The caller holds the document's row. */
export async function changeOwner(
  context: Context,
  tx: Tx,
  documentId: string,
  { from, to }: { from: string; to: string },
): Promise<void> {
  const changes = [
    { userId: from, role: 'editor' },
    { userId: to, role: 'owner' },
  ] as const;
  for (const { userId, role } of changes) {
    const revision = await grant(tx, documentId, userId, role, context.now());
    await context.announce(tx, 'permission.changed', documentId, { documentId, userId, role, revision });
  }
  await touchOwner(tx, documentId);
}
