import { setTimeout as delay } from 'node:timers/promises';
import { DAYS_IN_TRASH } from '@collabeditor/contracts';
import type { Logger } from '@collabeditor/kit';
import type { Context } from './context.ts';
import { deleteDocument, takeExpired } from './store/documents.ts';
import { deleteExpiredInvitations } from './store/invitations.ts';

/**
 * Deletes what has been in the trash for 30 days: the text first, then the metadata, since metadata without text can be
 * tried again and text without metadata could not be found. The row is held meanwhile, so an undelete comes before or after.
 */
export async function emptyTrash(context: Context): Promise<number> {
  const before = new Date(context.now().getTime() - DAYS_IN_TRASH * 24 * 3600 * 1000);
  for (let deleted = 0; ; deleted++) {
    const id = await context.transaction(async (tx) => {
      const expired = await takeExpired(tx, before);
      if (expired === undefined) return undefined;
      await context.texts.remove(expired);
      await deleteDocument(tx, expired);
      return expired;
    });
    if (id === undefined) return deleted;
  }
}

/** Looks through the trash again and again until it is disposed of. */
export function startSweeping(context: Context, options: { intervalMs: number; log: Logger }): AsyncDisposable {
  const stopping = new AbortController();
  const sweep = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        const deleted = await emptyTrash(context);
        if (deleted > 0) options.log.info({ deleted }, 'documents left the trash for good');
        await deleteExpiredInvitations(context.db, context.now());
      } catch (err) {
        options.log.warn({ err }, 'the trash could not be emptied; it is tried again');
      }
      await delay(options.intervalMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  };
  const sweeping = sweep();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await sweeping;
    },
  };
}
