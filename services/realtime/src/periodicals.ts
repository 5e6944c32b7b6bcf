import { atMostEvery } from '@collabeditor/kit';
import { CLOSE } from '@collabeditor/contracts';
import { isBusy, isIdle, owesPresence } from './engine/hub-state.ts';
import type { OpenDocument, Shell, ShellPorts } from './shell.ts';
import { remotePeers } from './remote.ts';

/** Presence may be told this often, so what was held back is looked at this often. */
const BEAT_MS = 50;
const TICK_MS = 250;
const POLL_SHARED_MS = 500;
const POLL_ALONE_MS = 5_000;
const ANNOUNCE_MS = 1_000;
const ANNOUNCE_INTERVAL_MS = 5_000;
const SWEEP_MS = 60_000;
const IDLE_MS = 60_000;
const SNAPSHOT_EDITS = 100;
const SNAPSHOT_MS = 600_000;

/** What happens by time: ticks, polls of the heads, snapshots, announcements, and closing documents that nobody uses. */
export function startPeriodicals(shell: Shell, ports: ShellPorts): AsyncDisposable {
  const { clock, news, store, log, replica } = ports;
  const changed = new Set<string>();
  const report = atMostEvery(10_000, (err) => log.warn({ err }, 'the database is away'));
  const every = new Map<string, number>();
  const due = (what: string, interval: number): boolean => {
    const now = clock.now();
    if (now - (every.get(what) ?? 0) < interval) return false;
    every.set(what, now);
    return true;
  };
  const running = new Set<Promise<void>>();
  const run = (work: () => Promise<void>): void => {
    const one = work().catch(report).finally(() => running.delete(one));
    running.add(one);
  };

  shell.onCommitted = (document) => {
    changed.add(document.hub.id);
    if (document.hub.document.version - document.snapshot.version >= SNAPSHOT_EDITS) run(() => snapshot(document));
  };

  const snapshot = async (document: OpenDocument): Promise<void> => {
    const { text, version, rev } = document.hub.document;
    document.snapshot = { version, at: clock.now() };
    await store.saveSnapshot({ documentId: document.hub.id, version, rev, content: text.toString() });
  };

  const tick = (): void => {
    const all = due('all', POLL_ALONE_MS);
    const busy = due('busy', TICK_MS);
    for (const [id, { hub }] of shell.documents) {
      if (all || (busy && isBusy(hub)) || owesPresence(hub)) shell.dispatch(id, { type: 'tick' });
    }
    if (all) for (const document of [...shell.documents.values()]) tend(document);
  };

  const tend = (document: OpenDocument): void => {
    const { hub, snapshot: last, idleSince } = document;
    const now = clock.now();
    const isOld = hub.document.version > last.version && now - last.at > SNAPSHOT_MS;
    if (isOld) run(() => snapshot(document));
    if (hub.sessions.size > 0) news.publish(hub.id, { type: 'peers', replica, peers: remotePeers(hub, replica) });
    if (isIdle(hub) && now - idleSince > IDLE_MS) {
      if (hub.document.version > last.version) run(() => snapshot(document));
      shell.evict(hub.id, CLOSE.draining, 'idle');
    }
  };

  const poll = async (documents: readonly OpenDocument[]): Promise<void> => {
    const ids = documents.map(({ hub }) => hub.id);
    if (ids.length === 0) return;
    for (const [id, { version, rev }] of await store.heads(ids)) shell.dispatch(id, { type: 'head', version, rev });
  };

  const announce = async (): Promise<void> => {
    if (due('sweep', SWEEP_MS)) for (const id of await store.unannounced()) changed.add(id);
    if (changed.size === 0) return;
    const ids = [...changed].sort();
    for (const id of ids) changed.delete(id);
    try {
      const settled = await store.announce(ids, ANNOUNCE_INTERVAL_MS);
      for (const id of ids) if (!settled.has(id)) changed.add(id);
    } catch (error) {
      for (const id of ids) changed.add(id);
      throw error;
    }
  };

  const beat = setInterval(() => {
    tick();
    const documents = [...shell.documents.values()];
    const shared = documents.filter(({ hub }) => hub.replicas.size > 0 || !news.connected());
    if (due('poll alone', POLL_ALONE_MS)) run(() => poll(documents));
    else if (shared.length > 0 && due('poll shared', POLL_SHARED_MS)) run(() => poll(shared));
    if (due('announce', ANNOUNCE_MS)) run(announce);
  }, BEAT_MS);

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beat);
      await Promise.allSettled(running);
      // The trailing announcement of what was changed last; if it fails, another replica finds it.
      if (changed.size > 0) await announce().catch(report);
    },
  };
}
