import { append, rowsFrom } from './document.ts';
import { editIds, type EditRequest, evaluate, type Facts, type Verdict } from './evaluate.ts';
import * as frames from './frames.ts';
import type {
  EditResult,
  Effect,
  Hub,
  Inbound,
  PresenceUpdate,
  ResyncReason,
  Session,
  Source,
  Submission,
} from './hub-state.ts';
import { setPresence } from './peers.ts';

/** How long an edit waits for PostgreSQL before its author is told to send it again. */
export const PATIENCE_MS = 10_000;

/** Takes requests of every source, each source's in their order, until the first of each has to wait. */
export function pumpAll(hub: Hub, now: number): Effect[] {
  return [...hub.sources.values()].flatMap((source) => pump(hub, source, now));
}

/**
 * Takes a source's requests in order. The first that can't be decided stays, with all behind it, until an event brings what it
 * waits for: the commit of edits before it, ids, the head, the author's history, older rows.
 */
export function pump(hub: Hub, source: Source, now: number): Effect[] {
  const session = hub.sessions.get(source.id);
  if (session && !session.live) return [];
  const effects: Effect[] = [];
  for (let inbound = source.inbox[0]; inbound; inbound = source.inbox[0]) {
    const { request } = inbound;
    if (request.type === 'presence') {
      source.inbox.shift();
      if (session) effects.push(...setPresence(hub, session, request, now));
      continue;
    }
    const verdict = evaluate(hub.document, source.author, request, factsOf(hub, inbound));
    if (verdict.type === 'wait') {
      if (now - inbound.arrivedAt < PATIENCE_MS || (verdict.for === 'commit' && hub.taken > 0)) {
        return [...effects, ...ask(hub, source, inbound, verdict)];
      }
      source.inbox.shift();
      effects.push(...answer(hub, source, { request, turn: inbound.turn }, unavailable(request)));
      continue;
    }
    source.inbox.shift();
    effects.push(...settle(hub, source, { ...inbound, request }, verdict));
  }
  if (!session && source.inbox.length === 0 && !hub.submissions.some((one) => one.source === source.id))
    hub.sources.delete(source.id);
  return effects;
}

/** Accepts a request or answers it. */
function settle(
  hub: Hub,
  source: Source,
  inbound: Inbound & { readonly request: EditRequest },
  verdict: Exclude<Verdict, { type: 'wait' }>,
): Effect[] {
  const { request, arrivedAt, turn } = inbound;
  if (verdict.type !== 'accept') return answer(hub, source, { request, turn }, verdict);
  const submission = { source: source.id, author: source.author, request, arrivedAt, turn, revs: [], abandoned: false };
  accept(hub, submission, verdict);
  return [{ type: 'ready' }];
}

/** Puts a request's edits behind those that wait, under the revs that they have or get now. */
export function accept(hub: Hub, submission: Submission, { drafts }: Extract<Verdict, { type: 'accept' }>): void {
  submission.revs = drafts.map((_, index) => submission.revs[index] ?? hub.newRev());
  drafts.forEach((draft, index) =>
    append(hub.document, draft, submission.author, submission.revs[index] ?? hub.newRev()),
  );
  hub.submissions.push(submission);
}

type Answer = Exclude<Verdict, { type: 'wait' | 'accept' }>;

/** A request, and the turn at which it came. */
type Asked = Pick<Inbound, 'turn'> & { readonly request: EditRequest };

/** Tells a source what became of a request that was not accepted. */
export function answer(hub: Hub, source: Source, asked: Asked, verdict: Answer): Effect[] {
  const session = hub.sessions.get(source.id);
  const answered = session ? answerSession(hub, session, asked, verdict) : answerCall(hub, source, verdict);
  // What changes nothing is no edit.
  return verdict.type === 'unchanged' ? answered : [...answered, counted(asked.request, resultOf(verdict))];
}

/** Edits of a request that was not accepted. */
export function counted(request: EditRequest, result: EditResult): Effect {
  return { type: 'counted', result, edits: Math.max(1, editIds(request).length), since: null };
}

/**
 * Brings a session up to date by a whole text. While one is on the way that it has not read, and in answer to what came before it
 * had read the last one, only the version is told: the session has, or will have, the text.
 */
export function resync(
  hub: Hub,
  session: Session,
  { id, turn, reason }: { readonly id: string | null; readonly turn: number; readonly reason: ResyncReason },
): Effect[] {
  const withContent = !session.unread && turn > session.readTurn;
  const effect: Effect = { type: 'send', to: [session.id], frame: frames.outOfSync(hub.document, id, withContent) };
  if (!withContent) return [effect];
  session.unread = true;
  return [{ type: 'probe', to: session.id }, effect, { type: 'resync', reason }];
}

/** Reads the head anew unless a read that began after `turn` is under way or done. */
export function readHead(hub: Hub, turn: number): Effect[] {
  const { inFlight, done } = hub.headRead;
  if (inFlight !== null || done > turn) return [];
  hub.headRead.inFlight = ++hub.turn;
  const fence = (hub.recovering?.uncertain ?? 0) > 0;
  return [{ type: 'readRows', turn: hub.turn, after: hub.document.version, fence }];
}

function factsOf(hub: Hub, { ids, turn, moved }: Inbound): Facts {
  return { idsRead: ids === 'read', headRead: hub.headRead.done > turn, moved };
}

function ask(hub: Hub, source: Source, inbound: Inbound, verdict: Extract<Verdict, { type: 'wait' }>): Effect[] {
  const { document } = hub;
  switch (verdict.for) {
    case 'commit':
      // Nothing waits here, so the version that the request stands on was committed elsewhere.
      return document.waiting.length === 0 ? readHead(hub, hub.turn) : [];
    case 'head':
      return readHead(hub, inbound.turn);
    case 'ids':
      return inbound.ids === 'unread' ? readIds(source) : [];
    case 'history': {
      const { userId } = source.author;
      if (hub.historiesRead.has(userId)) return [];
      hub.historiesRead.add(userId);
      return [{ type: 'readHistory', userId, version: document.version }];
    }
    case 'rows':
      return readOlder(hub, verdict.from);
  }
}

/** Brings older rows back into memory. */
export function readOlder(hub: Hub, from: number): Effect[] {
  const { document } = hub;
  if (hub.olderRead || rowsFrom(document, from)) return [];
  hub.olderRead = true;
  return [{ type: 'readOlder', from, to: document.version - document.rows.length }];
}

/** Looks up the ids of everything that the source has sent, so that a burst of stale edits costs one read. */
function readIds(source: Source): Effect[] {
  const unread = source.inbox.filter(({ ids, request }) => ids === 'unread' && request.type !== 'presence');
  for (const inbound of unread) inbound.ids = 'reading';
  const ids = unread.flatMap(({ request }) => (isEdit(request) ? editIds(request) : []));
  return [{ type: 'readIds', source: source.id, userId: source.author.userId, clientId: source.author.clientId, ids }];
}

function answerSession(hub: Hub, session: Session, asked: Asked, verdict: Answer): Effect[] {
  const to = [session.id];
  switch (verdict.type) {
    case 'duplicate':
      return verdict.edits.map(({ editId, version }) => ({
        type: 'send',
        to,
        frame: frames.duplicateAck(editId, version),
      }));
    case 'refused':
      return [{ type: 'send', to, frame: frames.error(verdict.code, verdict.message, verdict.id) }];
    case 'stale':
      return answerStale(hub, session, asked);
    case 'unchanged':
      return [];
  }
}

function answerStale(hub: Hub, session: Session, { request, turn }: Asked): Effect[] {
  const ids = editIds(request);
  if (session.dialect === 'plain') return resync(hub, session, { id: ids[0] ?? null, turn, reason: 'stale' });
  return [
    { type: 'send', to: [session.id], frame: frames.v1OutOfSync(hub.document, []) },
    { type: 'resync', reason: 'stale' },
  ];
}

function answerCall(hub: Hub, source: Source, verdict: Answer): Effect[] {
  const { version } = hub.document;
  switch (verdict.type) {
    case 'duplicate':
      return [
        {
          type: 'reply',
          request: source.id,
          outcome: { type: 'done', version: verdict.edits[0]?.version ?? version, duplicate: true },
        },
      ];
    case 'unchanged':
      return [{ type: 'reply', request: source.id, outcome: { type: 'done', version, duplicate: false } }];
    case 'stale':
      return [{ type: 'reply', request: source.id, outcome: { type: 'stale', version } }];
    case 'refused':
      return [
        {
          type: 'reply',
          request: source.id,
          outcome: { type: 'refused', code: verdict.code, message: verdict.message },
        },
      ];
  }
}

export function unavailable(request: EditRequest): Extract<Verdict, { type: 'refused' }> {
  const id = editIds(request)[0] ?? null;
  return {
    type: 'refused',
    code: 'unavailable',
    message: 'the edit could not be stored; send it again with the same id',
    id,
  };
}

function resultOf(verdict: Exclude<Answer, { type: 'unchanged' }>): EditResult {
  switch (verdict.type) {
    case 'duplicate':
      return 'duplicate';
    case 'stale':
      return 'out_of_sync';
    case 'refused':
      return verdict.code;
  }
}

function isEdit(request: EditRequest | PresenceUpdate): request is EditRequest {
  return request.type !== 'presence';
}
