import { type Caller, Problem, type Queryable, type Tx } from '@collabeditor/kit';
import { claimForCaller } from './claims.ts';
import type { Context } from './context.ts';
import { allows, type Right } from './rights.ts';
import { findHeld, type Held, lockDocument } from './store/documents.ts';
import { findPermission } from './store/permissions.ts';

const notFound = (): Problem => new Problem('not_found', 'There is no such document.');

/** The document as the caller has it, if the caller has the right. A stranger who is invited claims the invitation by this. */
export async function seen(context: Context, caller: Caller, documentId: string, right: Right): Promise<Held> {
  const find = (): Promise<Held | undefined> => findHeld(context.db, documentId, caller.userId);
  return permitted(
    (await find()) ?? ((await claimForCaller(context, caller, documentId)) ? await find() : undefined),
    right,
  );
}

/**
 * Makes a change in one transaction that holds the document's row, so that the right that was asked for is still there when
 * the change commits. A trashed document is changed only by what `inTrash` allows.
 */
export async function changing<T>(
  context: Context,
  caller: Caller,
  target: { readonly documentId: string; readonly right: Right; readonly inTrash?: boolean },
  change: (tx: Tx, held: Held) => Promise<T>,
): Promise<T> {
  await seen(context, caller, target.documentId, target.right);
  return context.transaction(async (tx) => {
    const held = permitted(await lockHeld(tx, target.documentId, caller.userId), target.right);
    if (target.inTrash !== true) refuseTrashed(held);
    return change(tx, held);
  });
}

export function refuseTrashed({ document }: Held): void {
  if (document.trashedAt !== null)
    throw new Problem('document_trashed', 'The document is in the trash; undelete it first.');
}

function permitted(held: Held | undefined, right: Right): Held {
  if (held === undefined || (held.document.trashedAt !== null && held.role !== 'owner')) throw notFound();
  if (!allows(held.role, right)) throw new Problem('forbidden', `A document's ${held.role} may not do this.`);
  return held;
}

async function lockHeld(tx: Queryable, documentId: string, userId: string): Promise<Held | undefined> {
  const document = await lockDocument(tx, documentId);
  const permission = document && (await findPermission(tx, documentId, userId));
  return permission && { document, role: permission.role, revision: permission.revision };
}
