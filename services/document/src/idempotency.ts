import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Caller, type Mounted, Problem, type Reply } from '@collabeditor/kit';
import type { Context } from './context.ts';
import { claimKey, keepAnswer, readKey, releaseKey } from './store/idempotency.ts';

type Raw = Parameters<Mounted['answer']>[0];

/** After this time a request that was claimed and never answered died with its replica. */
const LONGEST_REQUEST_MS = 60_000;

/**
 * Answers a POST that is sent again under the same Idempotency-Key as the first time, without doing it again:
 *
 *   unknown key ─► claimed ─► done: the answer is kept        refused or failed: the key is free again
 *   known key ──► other request: 422 · still under way: 409 · answered: that answer
 */
export function idempotent(context: Context, mounted: Mounted): Mounted {
  return {
    ...mounted,
    answer: async (raw) => {
      const key = keyOf(raw.headers);
      if (key === undefined || raw.caller === null) return mounted.answer(raw);
      return once(context, mounted, raw, { userId: raw.caller.userId, key, hash: hashOf(mounted, raw) });
    },
  };
}

interface Claim {
  readonly userId: string;
  readonly key: string;
  readonly hash: Buffer;
}

async function once(context: Context, mounted: Mounted, raw: Raw, claim: Claim): Promise<Reply> {
  const now = context.now();
  const claimed = await claimKey(context.db, {
    ...claim,
    now,
    abandonedBefore: new Date(now.getTime() - LONGEST_REQUEST_MS),
  });
  if (!claimed) return known(await readKey(context.db, claim), claim);
  try {
    const answer = await mounted.answer(raw);
    await keepAnswer(context.db, { ...claim, answer });
    return answer;
  } catch (error) {
    await releaseKey(context.db, claim);
    throw error;
  }
}

function known(before: Awaited<ReturnType<typeof readKey>>, { hash }: Claim): Reply {
  if (before && !before.hash.equals(hash)) throw new Problem('idempotency_key_reused');
  if (before?.answer) return before.answer;
  throw new Problem('request_in_progress', undefined, { headers: { 'Retry-After': '1' } });
}

/**
 * The same key makes the same document, so that not even a crash between its commit and the kept answer makes two.
 * The date is part of it since a key may serve again once it is forgotten.
 */
export function newDocumentId(caller: Caller, headers: IncomingHttpHeaders, now: Date): string | undefined {
  const key = keyOf(headers);
  if (key === undefined) return undefined;
  const seed = `document ${caller.userId} ${now.toISOString().slice(0, 10)} ${key}`;
  const hex = createHash('sha256').update(seed).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  const message = 'must have 1 to 255 printable ASCII characters';
  throw new Problem('invalid_request', `Idempotency-Key ${message}`, {
    errors: [{ path: '', message: `Idempotency-Key ${message}` }],
  });
}

function hashOf({ route }: Mounted, { params, body }: Raw): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([route.id, params, body]))
    .digest();
}
