import { CLOSE } from '@collabeditor/contracts';
import { committed, expire, failed, lost, rejected, rowsRead } from './commit.ts';
import { learnHistory, prependRows, rowsFrom, trim } from './document.ts';
import type { Author, EditRequest } from './evaluate.ts';
import { editIds } from './evaluate.ts';
import * as frames from './frames.ts';
import type { Effect, Hub, HubEvent, Inbound, Joining, PresenceUpdate, RemotePeer, Session } from './hub-state.ts';
import { dropGhosts, setRemotePeers, setRemotePresence, settlePresences, tellDuePresences, toAll } from './peers.ts';
import { editKey } from './row.ts';
import { counted, pump, pumpAll, readHead, resync } from './submit.ts';
import { cut, welcome } from './welcome.ts';

/** Rows that stay in memory, for undo and for selections, and how often older ones are forgotten. */
const KEPT_ROWS = 1000;
const TRIM_EVERY_MS = 60_000;

/**
 * One event changes the hub and says what is to be done. A deterministic machine: the same events at the same times give the
 * same effects. Effects are in order; those that send have to be carried out in it.
 */
export function step(hub: Hub, event: HubEvent, now: number): Effect[] {
  hub.turn++;
  switch (event.type) {
    case 'join':
      return join(hub, event.session, event.fresh, now);
    case 'leave':
      return leave(hub, event.sessionId);
    case 'frame':
      return receive(hub, event.sessionId, event.request, now);
    case 'call':
      return call(hub, event.requestId, event.author, event.request, now);
    case 'role':
      return changeRole(hub, event.sessionId, event.role);
    case 'read':
      return withSession(hub, event.sessionId, (session) => {
        session.unread = false;
        session.readTurn = hub.turn;
        return [];
      });
    case 'lagging':
      return withSession(hub, event.sessionId, (session) =>
        event.lagging ? fallBehind(hub, session) : catchUp(hub, session),
      );
    case 'committed':
      return welcomeAfter(hub, committed(hub, now), now);
    case 'lost':
      return lost(hub, event.known);
    case 'rejected':
      return welcomeAfter(hub, rejected(hub, now), now);
    case 'failed':
      return welcomeAfter(hub, failed(hub, event.unknown, now), now);
    case 'rows':
      return welcomeAfter(hub, rowsRead(hub, event, now), now);
    default:
      return stepReads(hub, event, now);
  }
}

type Rest = Extract<
  HubEvent,
  { type: 'older' | 'applied' | 'history' | 'ids' | 'readFailed' | 'head' | 'remotePeers' | 'remotePresence' | 'tick' }
>;

function stepReads(hub: Hub, event: Rest, now: number): Effect[] {
  switch (event.type) {
    case 'older':
      hub.olderRead = false;
      prependRows(hub.document, event.rows);
      return welcomeAfter(hub, pumpAll(hub, now), now);
    case 'applied':
      return withSession(hub, event.sessionId, (session) => (session.live ? [] : cut(hub, session, event.known, now)));
    case 'history':
      hub.historiesRead.delete(event.userId);
      learnHistory(hub.document, event.userId, event.history, event.version);
      return pumpAll(hub, now);
    case 'ids':
      for (const edit of event.known) hub.document.ids.set(editKey(edit), edit);
      return withIdsRead(hub, event.source, 'read', now);
    case 'readFailed':
      return readFailed(hub, event, now);
    case 'head':
      return isNews(hub, event.version, event.rev) ? readHead(hub, hub.turn) : [];
    case 'remotePeers':
      return [...replacedElsewhere(hub, event.peers), ...setRemotePeers(hub, event.replica, event.peers, now)];
    case 'remotePresence':
      return setRemotePresence(hub, event.peer);
    case 'tick':
      return tick(hub, now);
  }
}

function join(hub: Hub, joining: Joining, fresh: boolean, now: number): Effect[] {
  const replaced = [...hub.sessions.values()].find(
    ({ userId, clientId }) => userId === joining.userId && clientId === joining.clientId,
  );
  const effects = replaced ? replace(hub, replaced) : [];
  const session: Session = {
    ...joining,
    live: false,
    joinedTurn: hub.turn,
    joinedAt: now,
    unread: false,
    readTurn: 0,
    lag: null,
    presence: null,
    presenceSentAt: 0,
    presenceDue: false,
  };
  hub.sessions.set(session.id, session);
  const author = { userId: session.userId, clientId: session.clientId, role: session.role };
  hub.sources.set(session.id, { id: session.id, author, inbox: [] });
  // An acknowledgement elsewhere must not be missing here, so a document that was open before is brought up to the head first.
  return [...effects, ...(fresh ? welcome(hub, session, now) : readHead(hub, hub.turn))];
}

/** Sessions that joined before the head was read get their first frame. */
function welcomeAfter(hub: Hub, effects: Effect[], now: number): Effect[] {
  if (hub.stashed) return effects;
  const waiting = [...hub.sessions.values()].filter((session) => !session.live);
  const isCurrent = ({ joinedTurn }: Session): boolean => joinedTurn < hub.headRead.done;
  const welcomed = waiting.filter(isCurrent).flatMap((session) => welcome(hub, session, now));
  return [...effects, ...welcomed, ...(waiting.every(isCurrent) ? [] : readHead(hub, hub.turn))];
}

function replace(hub: Hub, session: Session): Effect[] {
  return [{ type: 'close', to: session.id, code: CLOSE.replaced, reason: 'replaced' }, ...leave(hub, session.id)];
}

/** Of two connections of one client the later one stays, wherever they are. */
function replacedElsewhere(hub: Hub, peers: readonly RemotePeer[]): Effect[] {
  const isReplaced = (session: Session): boolean =>
    peers.some(
      (peer) =>
        peer.userId === session.userId && peer.clientId === session.clientId && peer.joinedAt > session.joinedAt,
    );
  return [...hub.sessions.values()].filter(isReplaced).flatMap((session) => replace(hub, session));
}

function leave(hub: Hub, sessionId: string): Effect[] {
  const session = hub.sessions.get(sessionId);
  if (!session) return [];
  hub.sessions.delete(sessionId);
  const source = hub.sources.get(sessionId);
  // What it sent before it left still counts.
  if (source && source.inbox.length === 0 && !hub.submissions.some(({ source: id }) => id === sessionId))
    hub.sources.delete(sessionId);
  return session.live ? [...toAll(hub, frames.peerLeft(session)), { type: 'tellPeers' }] : [];
}

function receive(hub: Hub, sessionId: string, request: EditRequest | PresenceUpdate, now: number): Effect[] {
  const source = hub.sources.get(sessionId);
  if (!source || !hub.sessions.has(sessionId)) return [];
  if (request.type === 'edits' && isInFlight(hub, sessionId)) {
    const frame = frames.error('in_flight', 'the frame before is not answered yet', editIds(request)[0] ?? null);
    return [{ type: 'send', to: [sessionId], frame }, counted(request, 'in_flight')];
  }
  source.inbox.push(inbound(hub, request, now));
  return source.inbox.length === 1 ? pump(hub, source, now) : [];
}

function call(hub: Hub, requestId: string, author: Author, request: EditRequest, now: number): Effect[] {
  const source = { id: requestId, author, inbox: [inbound(hub, request, now)] };
  hub.sources.set(requestId, source);
  return pump(hub, source, now);
}

function inbound(hub: Hub, request: EditRequest | PresenceUpdate, now: number): Inbound {
  return { request, arrivedAt: now, turn: hub.turn, ids: 'unread', moved: false };
}

/** Whether the session has a frame of edits that is not answered. A frame sent again whose edits have come back counts as answered. */
function isInFlight(hub: Hub, sessionId: string): boolean {
  const source = hub.sources.get(sessionId);
  const isOpen = ({ request }: Inbound): boolean =>
    request.type === 'edits' && !isShown(hub, source?.author, request.edits.at(-1)?.id);
  const isWaiting = source?.inbox.some(isOpen) === true;
  return isWaiting || hub.submissions.some((one) => one.source === sessionId && one.request.type === 'edits');
}

function isShown({ document }: Hub, author: Author | undefined, id: string | undefined): boolean {
  return document.rows.some(
    ({ editId, userId, clientId }) => editId === id && userId === author?.userId && clientId === author.clientId,
  );
}

function changeRole(hub: Hub, sessionId: string, role: Session['role']): Effect[] {
  const session = hub.sessions.get(sessionId);
  const source = hub.sources.get(sessionId);
  if (!session || !source || session.role === role) return [];
  session.role = role;
  source.author = { ...source.author, role };
  return session.live ? [{ type: 'send', to: [sessionId], frame: frames.roleChanged(role) }] : [];
}

function fallBehind(hub: Hub, session: Session): Effect[] {
  session.lag ??= { since: hub.document.version, acks: [] };
  return [];
}

/** One frame brings a session that has drained up to date, and then its own edits are acknowledged. */
function catchUp(hub: Hub, session: Session): Effect[] {
  const { lag } = session;
  session.lag = null;
  if (!lag) return [];
  const to = [session.id];
  const missed = rowsFrom(hub.document, lag.since + 1);
  if (missed?.length === 0) return [];
  if (session.dialect === 'v1' && missed) return [{ type: 'send', to, frame: frames.v1Operations(missed) }];
  if (session.dialect === 'v1') {
    const applied = lag.acks.flatMap(({ id, version }) => (id === null ? [] : [{ editId: id, version }]));
    return [
      { type: 'send', to, frame: frames.v1OutOfSync(hub.document, applied) },
      { type: 'resync', reason: 'slow' },
    ];
  }
  Object.assign(session, { unread: false, readTurn: 0 });
  const acks = lag.acks.map(({ id, version }): Effect => ({
    type: 'send',
    to,
    frame: frames.duplicateAck(id, version),
  }));
  return [...resync(hub, session, { id: null, turn: hub.turn, reason: 'slow' }), ...acks];
}

function withIdsRead(hub: Hub, id: string, ids: 'read' | 'unread', now: number): Effect[] {
  const source = hub.sources.get(id);
  if (!source) return [];
  for (const inbound of source.inbox) if (inbound.ids === 'reading') inbound.ids = ids;
  return ids === 'read' ? pump(hub, source, now) : [];
}

/** What could not be read is asked for again at the next tick, as long as somebody waits for it. */
function readFailed(
  hub: Hub,
  { read, of = '', turn }: Extract<HubEvent, { type: 'readFailed' }>,
  now: number,
): Effect[] {
  switch (read) {
    case 'rows':
      if (hub.headRead.inFlight !== turn) return [];
      hub.headRead.inFlight = null;
      // Joining does not wait for PostgreSQL: what is here is what the sessions of this replica see.
      return [...hub.sessions.values()].filter(({ live }) => !live).flatMap((session) => welcome(hub, session, now));
    case 'older':
      hub.olderRead = false;
      return [...hub.sessions.values()]
        .filter(({ live, resume }) => !live && resume)
        .flatMap((session) => comeAgain(hub, session));
    case 'applied':
      return withSession(hub, of, (session) => (session.live ? [] : comeAgain(hub, session)));
    case 'history':
      hub.historiesRead.delete(of);
      return [];
    case 'ids':
      return withIdsRead(hub, of, 'unread', now);
  }
}

/** What the session needs to resume can't be read: its client tries again. */
function comeAgain(hub: Hub, session: Session): Effect[] {
  return [{ type: 'close', to: session.id, code: CLOSE.draining, reason: 'unavailable' }, ...leave(hub, session.id)];
}

function isNews({ document, taken }: Hub, version: number, rev: string): boolean {
  // The outcome of a commit that is under way brings the same news.
  return taken === 0 && (version > document.version || (version === document.version && rev !== document.rev));
}

function tick(hub: Hub, now: number): Effect[] {
  const effects = [...expire(hub, now), ...pumpAll(hub, now), ...tellDuePresences(hub, now), ...dropGhosts(hub, now)];
  if (hub.recovering) effects.push(...readHead(hub, hub.turn));
  if (hub.submissions.length > 0 && hub.taken === 0 && !hub.recovering) effects.push({ type: 'ready' });
  if (now - hub.trimmedAt > TRIM_EVERY_MS) {
    hub.trimmedAt = now;
    settlePresences(hub);
    trim(hub.document, KEPT_ROWS);
  }
  return effects;
}

function withSession(hub: Hub, id: string, change: (session: Session) => Effect[]): Effect[] {
  const session = hub.sessions.get(id);
  return session ? change(session) : [];
}
