import type { Peer, Selection } from '@collabeditor/contracts';
import { PRESENCE_PER_SECOND } from '@collabeditor/contracts';
import { type Document, rowsFrom } from './document.ts';
import * as frames from './frames.ts';
import type { Effect, Hub, Presence, PresenceUpdate, RemotePeer, Session } from './hub-state.ts';

/** A replica that has not been heard of for this long has died, and its sessions with it. */
const GHOST_AFTER_MS = 12_000;
const PRESENCE_INTERVAL_MS = 1000 / PRESENCE_PER_SECOND;

/** Everyone else on the document, with selections that fit its text. */
export function peersOf(hub: Hub, except: string): Peer[] {
  const local = [...hub.sessions.values()].filter(({ id, live }) => live && id !== except);
  return [
    ...local.map((session) => peer(hub, session, session.presence)),
    ...[...hub.remotes.values()].map((remote) => peer(hub, remote, remote)),
  ];
}

/** The newest presence of a session wins; what comes faster than it may be told is held back. */
export function setPresence(
  hub: Hub,
  session: Session,
  { version, selection, data }: PresenceUpdate,
  now: number,
): Effect[] {
  session.presence = { version, selection, data };
  session.presenceDue = true;
  return tellPresence(hub, session, now);
}

/** Tells what was held back. */
export function tellDuePresences(hub: Hub, now: number): Effect[] {
  return [...hub.sessions.values()].flatMap((session) => (session.presenceDue ? tellPresence(hub, session, now) : []));
}

/** Selections follow the text before the rows that they would be mapped over are forgotten. */
export function settlePresences(hub: Hub): void {
  const { document } = hub;
  const settle = (presence: Presence): Presence =>
    presence.version > document.version
      ? presence
      : { ...presence, version: document.version, selection: mapSelection(document, presence) };
  for (const session of hub.sessions.values()) if (session.presence) session.presence = settle(session.presence);
  for (const [id, remote] of hub.remotes) hub.remotes.set(id, { ...remote, ...settle(remote) });
}

/** The sessions that another replica has, as it tells them itself. */
export function setRemotePeers(hub: Hub, replica: string, peers: readonly RemotePeer[], now: number): Effect[] {
  hub.replicas.set(replica, now);
  const effects: Effect[] = [];
  const present = new Set(peers.map(({ sessionId }) => sessionId));
  for (const [id, remote] of hub.remotes) {
    if (remote.replica !== replica || present.has(id)) continue;
    hub.remotes.delete(id);
    effects.push(...toAll(hub, frames.peerLeft(remote)));
  }
  for (const remote of peers) {
    if (!hub.remotes.has(remote.sessionId)) effects.push(...toAll(hub, frames.peerJoined(remote)));
    hub.remotes.set(remote.sessionId, remote);
  }
  return effects;
}

export function setRemotePresence(hub: Hub, remote: RemotePeer): Effect[] {
  const effects = hub.remotes.has(remote.sessionId) ? [] : toAll(hub, frames.peerJoined(remote));
  hub.remotes.set(remote.sessionId, remote);
  return [...effects, ...toAll(hub, frames.presence(hub.document.version, peer(hub, remote, remote)))];
}

/** Peers of replicas that have fallen silent leave. */
export function dropGhosts(hub: Hub, now: number): Effect[] {
  const silent = [...hub.replicas].filter(([, heardAt]) => now - heardAt > GHOST_AFTER_MS);
  return silent.flatMap(([replica]) => {
    const effects = setRemotePeers(hub, replica, [], now);
    hub.replicas.delete(replica);
    return effects;
  });
}

/** Sends a frame to all live sessions but one. */
export function toAll(hub: Hub, frame: frames.Frame, except: string | null = null): Effect[] {
  const to = [...hub.sessions.values()]
    .filter(({ id, live, lag }) => live && !lag && id !== except)
    .map(({ id }) => id);
  return to.length > 0 ? [{ type: 'send', to, frame }] : [];
}

function tellPresence(hub: Hub, session: Session, now: number): Effect[] {
  const { presence } = session;
  const isAhead = presence !== null && presence.version > hub.document.version && hub.document.waiting.length > 0;
  if (!presence || !session.live || isAhead || now - session.presenceSentAt < PRESENCE_INTERVAL_MS) return [];
  session.presenceDue = false;
  session.presenceSentAt = now;
  const frame = frames.presence(hub.document.version, peer(hub, session, presence));
  return [...toAll(hub, frame, session.id), { type: 'tellPresence', session }];
}

function peer(
  hub: Hub,
  { clientId, userId, name }: Pick<Peer, 'clientId' | 'userId' | 'name'>,
  presence: Presence | null,
): Peer {
  const selection = presence && mapSelection(hub.document, presence);
  return { clientId, userId, name, selection, ...(presence?.data === undefined ? {} : { data: presence.data }) };
}

function mapSelection(document: Document, { version, selection }: Presence): Selection {
  if (!selection) return null;
  const since = version < document.version ? (rowsFrom(document, version + 1) ?? []) : [];
  const map = (position: number): number => {
    const mapped = since.reduce((at, { changes }) => changes.mapPos(Math.min(at, changes.length), 1), position);
    return Math.min(mapped, document.text.length);
  };
  return { anchor: map(selection.anchor), head: map(selection.head) };
}
