import { MAX_RESUME_EDITS } from '@collabeditor/contracts';
import { rowsFrom } from './document.ts';
import * as frames from './frames.ts';
import type { Effect, Hub, Session } from './hub-state.ts';
import { peersOf, toAll } from './peers.ts';
import { type KnownEdit, REV_OF_NOTHING, type Row } from './row.ts';
import { pump, readOlder } from './submit.ts';

/** Gives a session its first frame, or asks for what that frame needs. */
export function welcome(hub: Hub, session: Session, now: number): Effect[] {
  const { document } = hub;
  if (!session.resume)
    return greet(
      hub,
      session,
      [{ type: 'send', to: [session.id], frame: frames.initialState(session.dialect, document, about(hub, session)) }],
      now,
    );
  const missed = missedRows(hub, session.resume);
  switch (missed.type) {
    case 'older':
      return readOlder(hub, missed.from);
    case 'cut': {
      const { id: sessionId, userId, clientId } = session;
      // In another history its edits may stand at any version.
      return [{ type: 'readApplied', sessionId, userId, clientId, since: 0 }];
    }
    case 'rows': {
      const to = [session.id];
      const operations: Effect[] =
        missed.rows.length > 0 ? [{ type: 'send', to, frame: frames.v1Operations(missed.rows) }] : [];
      return greet(
        hub,
        session,
        [{ type: 'send', to, frame: frames.resumed(document, about(hub, session)) }, ...operations],
        now,
      );
    }
  }
}

/** The client's version is none that the log reaches: it gets the text, and which of its edits are in it. */
export function cut(hub: Hub, session: Session, known: readonly KnownEdit[], now: number): Effect[] {
  const behind = known.filter(({ version }) => version <= hub.document.version);
  const frame = frames.v1OutOfSync(hub.document, behind);
  return greet(
    hub,
    session,
    [
      { type: 'send', to: [session.id], frame },
      { type: 'resync', reason: 'resume' },
    ],
    now,
  );
}

/** The first frames of a session; from now on it takes part. */
function greet(hub: Hub, session: Session, first: readonly Effect[], now: number): Effect[] {
  session.live = true;
  const effects: Effect[] = [...first, ...toAll(hub, frames.peerJoined(session), session.id), { type: 'tellPeers' }];
  const source = hub.sources.get(session.id);
  return source ? [...effects, ...pump(hub, source, now)] : effects;
}

function about(hub: Hub, { id: sessionId, clientId, role }: Session): frames.Welcome {
  return { sessionId, clientId, role, peers: peersOf(hub, sessionId) };
}

type Missed =
  | { readonly type: 'rows'; readonly rows: readonly Row[] }
  | { readonly type: 'older'; readonly from: number }
  | { readonly type: 'cut' };

/** What a client that resumes has missed. Its version counts only where it has our rev. */
function missedRows({ document }: Hub, { since, rev }: { since: number; rev: string }): Missed {
  const { version } = document;
  if (since > version || version - since > MAX_RESUME_EDITS) return { type: 'cut' };
  if (since === version) return rev === document.rev ? { type: 'rows', rows: [] } : { type: 'cut' };
  const rows = rowsFrom(document, Math.max(1, since));
  if (!rows) return { type: 'older', from: Math.max(1, since) };
  const revSince = since === 0 ? REV_OF_NOTHING : rows[0]?.rev;
  return revSince === rev ? { type: 'rows', rows: since === 0 ? rows : rows.slice(1) } : { type: 'cut' };
}
