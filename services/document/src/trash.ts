import { setTimeout as delay } from 'node:timers/promises';
import { DAYS_IN_TRASH } from '@collabeditor/contracts';
import type { Logger } from '@collabeditor/kit';
import type { Context } from './context.ts';
import { deleteDocument, expiredIds, takeExpired } from './store/documents.ts';
import { deleteOldKeys } from './store/idempotency.ts';
import { deleteExpiredInvitations } from './store/invitations.ts';

const dayMs = 24 * 3600 * 1000;
const BATCH = 100;

/**
 * Deletes what has been in the trash for 30 days: the text first, then the metadata, since metadata without text can be
 * tried again and text without metadata could not be found. The row is held meanwhile, so an undelete comes before or after.
 * Answers how many are gone; one that fails stays for the next turn and stops no other.
 */
async function emptyTrash(context: Context, log: Logger): Promise<number> {
  const before = new Date(context.now().getTime() - DAYS_IN_TRASH * dayMs);
  let gone = 0;
  for (const id of await expiredIds(context.db, before, BATCH)) {
    try {
      if (await deleteForGood(context, id, before)) gone++;
    } catch (err) {
      log.warn({ event: 'trash_document_kept', err }, 'A document could not leave the trash and is tried again');
    }
  }
  return gone;
}

function deleteForGood(context: Context, id: string, before: Date): Promise<boolean> {
  return context.transaction(async (tx) => {
    if (!(await takeExpired(tx, id, before))) return false;
    await context.texts.remove(id);
    await deleteDocument(tx, id);
    return true;
  });
}

/** Looks through the trash again and again until it is disposed of. */
export function startSweeping(context: Context, options: { intervalMs: number; log: Logger }): AsyncDisposable {
  const stopping = new AbortController();
  const sweep = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        const gone = await emptyTrash(context, options.log);
        if (gone > 0) options.log.info({ event: 'trash_emptied', gone }, 'Documents left the trash for good');
        await deleteExpiredInvitations(context.db, context.now());
        await deleteOldKeys(context.db, new Date(context.now().getTime() - dayMs));
      } catch (err) {
        options.log.warn({ event: 'trash_not_emptied', err }, 'The trash could not be emptied and is tried again');
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
