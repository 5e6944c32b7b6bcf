import { randomBytes, randomUUID } from 'node:crypto';
import { CLOSE } from '@collabeditor/contracts';
import { atMostEvery, type Clock, type Logger, unavailable, withoutTrace } from '@collabeditor/kit';
import { take } from './engine/commit.ts';
import { type CommitterEffect, type CommitterEvent, createCommitter, stepCommitter } from './engine/committer.ts';
import type { Author, EditRequest } from './engine/evaluate.ts';
import { step } from './engine/hub.ts';
import {
  createHub,
  type Effect,
  type Hub,
  type HubEvent,
  type Joining,
  type Outcome,
  type Part,
} from './engine/hub-state.ts';
import { ReplicaLag } from './lag.ts';
import type { Metrics } from './metrics.ts';
import type { Connection, News, NewsWire, Store } from './ports.ts';
import { remotePeers, remotePresence } from './remote.ts';
import type { Head } from './store/rows.ts';

export interface ShellPorts {
  readonly store: Store;
  readonly news: NewsWire;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of this replica among the others. */
  readonly replica: string;
}

/** An open document: its machine and the sockets of its sessions. */
export interface OpenDocument {
  readonly hub: Hub;
  readonly connections: Map<string, Connection>;
  /** Newest snapshot that is known of, and when it was made. */
  snapshot: { readonly version: number; readonly at: number };
  idleSince: number;
}

type Reading = Extract<Effect, { type: 'readRows' | 'readOlder' | 'readHistory' | 'readIds' | 'readApplied' }>;

/** Runs the machines: turns what happens into events, and carries out their effects in order. */
export class Shell {
  readonly documents = new Map<string, OpenDocument>();
  readonly lag = new ReplicaLag();
  /** Called after each commit of this replica. */
  onCommitted: (document: OpenDocument) => void = () => undefined;
  readonly #ports: ShellPorts;
  readonly #opening = new Map<string, Promise<OpenDocument>>();
  readonly #calls = new Map<string, (outcome: Outcome) => void>();
  readonly #committer = createCommitter();
  readonly #report: (error: unknown) => void;

  constructor(ports: ShellPorts) {
    this.#ports = ports;
    this.#report = atMostEvery(10_000, (err) =>
      ports.log.warn({ event: 'texts_unavailable', err }, 'Texts could not be read or edits not be committed'),
    );
  }

  /** Lets a session take part. Resolves when the text is at hand; its first frame may follow later. */
  async join(documentId: string, session: Joining, connection: Connection, fresh: boolean): Promise<void> {
    const document = await this.#open(documentId);
    document.connections.set(session.id, connection);
    this.dispatch(documentId, { type: 'join', session, fresh });
  }

  /** Loads a document, so that joining it can't fail for want of its text. Answers whether it was read for this. */
  async prepare(documentId: string): Promise<boolean> {
    const fresh = !this.documents.has(documentId) && !this.#opening.has(documentId);
    await this.#open(documentId);
    return fresh;
  }

  /** Whether something that a session has sent is not answered yet. */
  owes(documentId: string, sessionId: string): boolean {
    const hub = this.documents.get(documentId)?.hub;
    return (
      hub !== undefined &&
      ((hub.sources.get(sessionId)?.inbox.length ?? 0) > 0 ||
        hub.submissions.some(({ source }) => source === sessionId))
    );
  }

  leave(documentId: string, sessionId: string): void {
    this.dispatch(documentId, { type: 'leave', sessionId });
    const document = this.documents.get(documentId);
    document?.connections.delete(sessionId);
    if (document) document.idleSince = this.#ports.clock.now();
  }

  /** An edit on behalf of the document service. */
  async call(documentId: string, author: Author, request: EditRequest): Promise<Outcome> {
    await this.#open(documentId);
    const requestId = randomUUID();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#calls.set(requestId, resolve);
    this.dispatch(documentId, { type: 'call', requestId, author, request });
    return promise;
  }

  dispatch(documentId: string, event: HubEvent): void {
    const document = this.documents.get(documentId);
    if (!document) return;
    for (const effect of step(document.hub, event, this.#ports.clock.now())) this.#perform(document, effect);
  }

  /** What another replica tells. */
  hear(documentId: string, heard: News): void {
    const document = this.documents.get(documentId);
    const { replica, news, clock } = this.#ports;
    if (!document) return;
    switch (heard.type) {
      case 'head':
        return this.newHead(documentId, heard, clock.now());
      case 'peers':
        if (heard.replica === replica) return;
        return this.dispatch(documentId, { type: 'remotePeers', replica: heard.replica, peers: heard.peers });
      case 'presence':
        if (heard.peer.replica === replica) return;
        return this.dispatch(documentId, { type: 'remotePresence', peer: heard.peer });
      case 'hello':
        if (heard.replica === replica) return;
        return news.publish(documentId, { type: 'peers', replica, peers: remotePeers(document.hub, replica) });
      case 'removed':
        return this.evict(documentId, CLOSE.notFound, 'deleted');
    }
  }

  /** Somebody says that a document has this version since a time. */
  newHead(documentId: string, head: Head, since: number): void {
    const document = this.documents.get(documentId);
    if (document) this.lag.heard(documentId, head.version, document.hub.document.version, since);
    this.dispatch(documentId, { type: 'head', version: head.version, rev: head.rev });
  }

  /** Closes all sessions of a document and forgets it. */
  evict(documentId: string, code: number, reason: string): void {
    const document = this.documents.get(documentId);
    if (!document) return;
    this.documents.delete(documentId);
    this.#ports.news.unfollow(documentId);
    for (const connection of document.connections.values()) connection.close(code, reason);
    for (const id of document.hub.sources.keys()) {
      this.#reply(id, { type: 'refused', code: 'unavailable', message: 'the document was closed' });
    }
  }

  /** However many sessions arrive at once, a document is loaded once. */
  #open(documentId: string): Promise<OpenDocument> {
    const known = this.documents.get(documentId);
    if (known) return Promise.resolve(known);
    const underWay = this.#opening.get(documentId);
    if (underWay) return underWay;
    const loading = this.#load(documentId).finally(() => this.#opening.delete(documentId));
    this.#opening.set(documentId, loading);
    return loading;
  }

  async #load(documentId: string): Promise<OpenDocument> {
    const { store, news, clock, replica } = this.#ports;
    // Followed first: what is committed while the text is read must not be missed.
    news.follow(documentId);
    try {
      const opened = await store.open(documentId);
      const hub = createHub(documentId, opened, () => randomBytes(9).toString('base64url'));
      const now = clock.now();
      const snapshot = { version: opened.version - opened.rows.length, at: now };
      const document = { hub, connections: new Map<string, Connection>(), snapshot, idleSince: now };
      this.documents.set(documentId, document);
      news.publish(documentId, { type: 'hello', replica });
      return document;
    } catch (error) {
      news.unfollow(documentId);
      this.#report(error);
      throw unavailable('The text can not be read for the moment', error);
    }
  }

  #drive(event: CommitterEvent): void {
    const takeFrom = (documentId: string): Part | null => {
      const document = this.documents.get(documentId);
      return document ? take(document.hub) : null;
    };
    for (const effect of stepCommitter(this.#committer, event, takeFrom)) this.#performCommit(effect);
  }

  #performCommit(effect: CommitterEffect): void {
    switch (effect.type) {
      case 'commit':
        // Edits of many sessions, and what follows of it, belong to no session's trace.
        return void withoutTrace(() => this.#commit(effect.parts));
      case 'rest':
        return void setTimeout(() => this.#drive({ type: 'rested' }), effect.ms).unref();
      case 'outcome':
        return this.dispatch(effect.documentId, effect.outcome);
    }
  }

  async #commit(parts: readonly Part[]): Promise<void> {
    const begun = performance.now();
    const result = await this.#ports.store.commit(parts);
    if (result.type === 'committed') {
      const edits = parts.reduce(
        (count, { documentId, rows }) => count + (result.won.has(documentId) ? rows.length : 0),
        0,
      );
      this.#ports.metrics.committed((performance.now() - begun) / 1000, edits);
    } else {
      this.#report(result.error);
    }
    this.#drive(result);
  }

  #perform(document: OpenDocument, effect: Effect): void {
    const { hub } = document;
    switch (effect.type) {
      case 'send':
        this.#send(document, effect.to, effect.frame);
        return;
      case 'close':
      case 'probe':
        this.#connection(document, effect);
        return;
      case 'reply':
        return this.#reply(effect.request, effect.outcome);
      case 'ready':
        return this.#drive({ type: 'ready', documentId: hub.id });
      case 'counted':
      case 'resync':
        this.#count(effect);
        return;
      case 'discard':
        this.#ports.log.error(
          { event: 'document_reopened', document: hub.id },
          'The log in the database is another one and the document is opened anew',
        );
        this.evict(hub.id, CLOSE.draining, 'reopen');
        return;
      case 'committed':
      case 'tellPeers':
      case 'tellPresence':
        return this.#tell(document, effect);
      default:
        return this.#read(hub, effect);
    }
  }

  /** Serialised once: every socket gets the same bytes. */
  #send({ connections }: OpenDocument, to: readonly string[], frame: string): void {
    const bytes = Buffer.from(frame);
    for (const id of to) connections.get(id)?.send(bytes);
  }

  #connection({ connections }: OpenDocument, effect: Extract<Effect, { type: 'close' | 'probe' }>): void {
    const connection = connections.get(effect.to);
    if (effect.type === 'probe') connection?.probe();
    else connection?.close(effect.code, effect.reason);
  }

  #count(effect: Extract<Effect, { type: 'counted' | 'resync' }>): void {
    const { metrics, clock } = this.#ports;
    if (effect.type === 'resync') {
      metrics.resync(effect.reason);
      return;
    }
    metrics.edits(effect.result, effect.edits);
    if (effect.since !== null) metrics.acknowledged((clock.now() - effect.since) / 1000, effect.edits);
  }

  #tell(document: OpenDocument, effect: Extract<Effect, { type: 'committed' | 'tellPeers' | 'tellPresence' }>): void {
    const { news, replica } = this.#ports;
    const { hub } = document;
    switch (effect.type) {
      case 'committed':
        this.onCommitted(document);
        return news.publish(hub.id, { type: 'head', version: hub.document.version, rev: hub.document.rev });
      case 'tellPeers':
        return news.publish(hub.id, { type: 'peers', replica, peers: remotePeers(hub, replica) });
      case 'tellPresence':
        return news.publish(hub.id, { type: 'presence', peer: remotePresence(effect.session, replica) });
    }
  }

  /** Reads from PostgreSQL and hands the answer, or that there was none, back to the machine. */
  #read({ id }: Hub, effect: Reading): void {
    const { store, clock } = this.#ports;
    const feed = <T>(reading: Promise<T>, done: (value: T) => HubEvent, failed: HubEvent): void => {
      reading.then(
        (value) => this.dispatch(id, done(value)),
        (error: unknown) => {
          this.#report(error);
          this.dispatch(id, failed);
        },
      );
    };
    switch (effect.type) {
      case 'readRows': {
        const { turn, after, fence } = effect;
        const failed: HubEvent = { type: 'readFailed', read: 'rows', turn };
        const askedAt = clock.now();
        const reading = store.rowsAfter(id, after, fence).then((read) => {
          this.lag.asked(id, after + read.rows.length, askedAt);
          return read;
        });
        return feed(reading, (rows) => ({ type: 'rows', turn, after, ...rows }), failed);
      }
      case 'readOlder':
        return feed(store.olderRows(id, effect.from, effect.to), (rows) => ({ type: 'older', rows }), {
          type: 'readFailed',
          read: 'older',
        });
      case 'readHistory': {
        const { userId, version } = effect;
        const failed: HubEvent = { type: 'readFailed', read: 'history', of: userId };
        return feed(
          store.historyOf(id, userId, version),
          (history) => ({ type: 'history', userId, history, version }),
          failed,
        );
      }
      case 'readApplied': {
        const { sessionId } = effect;
        const failed: HubEvent = { type: 'readFailed', read: 'applied', of: sessionId };
        feed(store.appliedIds(id, effect), (known) => ({ type: 'applied', sessionId, known }), failed);
        return;
      }
      case 'readIds': {
        const { source } = effect;
        const failed: HubEvent = { type: 'readFailed', read: 'ids', of: source };
        return feed(store.knownIds(id, effect), (known) => ({ type: 'ids', source, known }), failed);
      }
    }
  }

  #reply(requestId: string, outcome: Outcome): void {
    this.#calls.get(requestId)?.(outcome);
    this.#calls.delete(requestId);
  }
}
