import { type AnyEvent, emailKey, INVITATION_DAYS } from '@collabeditor/contracts';
import type { Verdict } from '@collabeditor/kit';
import type { Context } from './context.ts';
import { proveAddress } from './proofs.ts';
import { secretHash } from './secrets.ts';
import { insertInvitation } from './store/tokens.ts';
import { claimantOf, lockAddress } from './store/users.ts';

const DAY_MS = 86_400_000;

/** Learns which tokens were mailed to which addresses. Told twice, it knows no more. */
export async function consume(context: Context, event: AnyEvent): Promise<Verdict> {
  if (event.type !== 'user.invited' || event.data.invitationToken === null) return 'ack';
  const hash = secretHash(event.data.invitationToken);
  const key = emailKey(event.data.email);
  const expiresAt = new Date(Date.parse(event.time) + INVITATION_DAYS * DAY_MS);
  if (expiresAt <= context.now()) return 'ack';
  await context.transaction(async (tx) => {
    await lockAddress(tx, key);
    await insertInvitation(tx, hash, key, expiresAt);
    const claimant = await claimantOf(tx, hash, key);
    if (claimant) await proveAddress(context, tx, claimant.id);
  });
  return 'ack';
}
