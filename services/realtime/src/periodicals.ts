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
export class Periodicals implements AsyncDisposable {
  readonly #shell: Shell;
  readonly #ports: ShellPorts;
  readonly #beat: NodeJS.Timeout;
  readonly #report: (error: unknown) => void;
  readonly #doneAt = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  /** Documents whose last change is not announced yet. */
  readonly #changed = new Set<string>();

  constructor(shell: Shell, ports: ShellPorts) {
    this.#shell = shell;
    this.#ports = ports;
    this.#report = atMostEvery(10_000, (err) =>
      ports.log.warn({ event: 'periodical_failed', err }, 'A periodical task failed and is done again'),
    );
    shell.onCommitted = (document) => this.#committed(document);
    this.#beat = setInterval(() => this.#do(), BEAT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beat);
    await Promise.allSettled(this.#running);
    // What was changed last; if it fails, another replica finds it.
    await this.#announce().catch(this.#report);
  }

  #do(): void {
    const { news } = this.#ports;
    this.#tick();
    const documents = [...this.#shell.documents.values()];
    const shared = documents.filter(({ hub }) => hub.replicas.size > 0 || !news.connected());
    if (this.#isDue('poll', POLL_ALONE_MS)) this.#run(() => this.#poll(documents));
    else if (shared.length > 0 && this.#isDue('poll shared', POLL_SHARED_MS)) this.#run(() => this.#poll(shared));
    if (this.#isDue('announce', ANNOUNCE_MS)) this.#run(() => this.#announce());
  }

  #tick(): void {
    const all = this.#isDue('tick all', POLL_ALONE_MS);
    const busy = this.#isDue('tick', TICK_MS);
    for (const [id, { hub }] of this.#shell.documents) {
      if (all || (busy && isBusy(hub)) || owesPresence(hub)) this.#shell.dispatch(id, { type: 'tick' });
    }
    if (all) for (const document of [...this.#shell.documents.values()]) this.#tend(document);
  }

  #tend(document: OpenDocument): void {
    const { news, clock, replica } = this.#ports;
    const { hub, snapshot, idleSince } = document;
    const now = clock.now();
    const isChanged = hub.document.version > snapshot.version;
    const isUnused = isIdle(hub) && now - idleSince > IDLE_MS;
    if (isChanged && (isUnused || now - snapshot.at > SNAPSHOT_MS)) this.#run(() => this.#snapshot(document));
    if (isUnused) this.#shell.evict(hub.id, CLOSE.draining, 'idle');
    else if (hub.sessions.size > 0) news.publish(hub.id, { type: 'peers', replica, peers: remotePeers(hub, replica) });
  }

  #committed(document: OpenDocument): void {
    this.#changed.add(document.hub.id);
    if (document.hub.document.version - document.snapshot.version >= SNAPSHOT_EDITS)
      this.#run(() => this.#snapshot(document));
  }

  async #snapshot(document: OpenDocument): Promise<void> {
    const { text, version, rev } = document.hub.document;
    document.snapshot = { version, at: this.#ports.clock.now() };
    await this.#ports.store.saveSnapshot({ documentId: document.hub.id, version, rev, content: text.toString() });
  }

  async #poll(documents: readonly OpenDocument[]): Promise<void> {
    const ids = documents.map(({ hub }) => hub.id);
    if (ids.length === 0) return;
    const { store, clock } = this.#ports;
    const askedAt = clock.now();
    for (const [id, { version, rev, updatedAt }] of await store.heads(ids)) {
      this.#shell.lag.asked(id, version, askedAt);
      this.#shell.newHead(id, { version, rev }, Math.min(clock.now(), updatedAt.getTime()));
    }
  }

  async #announce(): Promise<void> {
    const { store } = this.#ports;
    if (this.#isDue('sweep', SWEEP_MS)) for (const id of await store.unannounced()) this.#changed.add(id);
    const ids = [...this.#changed].sort();
    if (ids.length === 0) return;
    this.#changed.clear();
    const settled = await store.announce(ids, ANNOUNCE_INTERVAL_MS).catch((error: unknown) => {
      this.#report(error);
      return new Set<string>();
    });
    for (const id of ids) if (!settled.has(id)) this.#changed.add(id);
  }

  #isDue(what: string, interval: number): boolean {
    const now = this.#ports.clock.now();
    if (now - (this.#doneAt.get(what) ?? 0) < interval) return false;
    this.#doneAt.set(what, now);
    return true;
  }

  #run(work: () => Promise<void>): void {
    const one = work()
      .catch(this.#report)
      .finally(() => this.#running.delete(one));
    this.#running.add(one);
  }
}
