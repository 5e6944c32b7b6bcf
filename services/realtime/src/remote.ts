import type { Hub, RemotePeer, Session } from './engine/hub-state.ts';

/** A session as the other replicas are told of it. */
export function remotePresence(session: Session, replica: string): RemotePeer {
  const { id: sessionId, userId, clientId, name, joinedAt, presence } = session;
  const { version, selection, data } = presence ?? { version: 0, selection: null, data: undefined };
  return { replica, sessionId, userId, clientId, name, joinedAt, version, selection, data };
}

export function remotePeers(hub: Hub, replica: string): readonly RemotePeer[] {
  return [...hub.sessions.values()].filter(({ live }) => live).map((session) => remotePresence(session, replica));
}
