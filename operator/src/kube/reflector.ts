import { keyOf, type Cache } from './cache.ts';
import type { KubeClient, Selection } from './client.ts';
import { isAborted, systemClock, wait, type Clock } from './clock.ts';
import { isExpired, KubeError } from './errors.ts';
import type { KubeObject, ResourceType } from './types.ts';

export interface ReflectorOptions {
  client: Pick<KubeClient, 'list' | 'watch'>;
  type: ResourceType;
  selection?: Selection;
  cache: Cache;
  /** Makes an object smaller before it is kept. */
  trim?: (object: KubeObject) => KubeObject;
  clock?: Clock;
  onEvent?: (event: ReflectorEvent) => void;
}

/** What an onlooker (metrics, logs) learns of a reflector. */
export type ReflectorEvent =
  { type: 'synced' } | { type: 'restart' } | { type: 'relist' } | { type: 'failed'; error: KubeError };

const BACKOFF_FIRST_MS = 800;
const BACKOFF_LAST_MS = 30_000;
const BACKOFF_RESET_MS = 120_000;
const SILENCE_MS = 150_000;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/**
 * Keeps a cache equal to a kind on the server: list, then watch, for as long as the signal lives.
 *
 * There is one stream at a time and it is read by one loop, so no event of an older stream can arrive after a newer
 * stream began. No error is final: each is told and followed by a wait that grows from 0.8 s to 30 s.
 */
export class Reflector {
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions;
  readonly #clock: Clock;
  readonly #markSynced: () => void;
  #resourceVersion: string | undefined;
  #streamsLists = true;
  #lastEventAt: number;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#lastEventAt = this.#clock.now();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.synced = promise;
    this.#markSynced = () => resolve(undefined);
  }

  /** Milliseconds since the server last said something, a bookmark included. */
  get silentFor(): number {
    return this.#clock.now() - this.#lastEventAt;
  }

  /** Runs until the signal is aborted. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    let backoff = BACKOFF_FIRST_MS;
    while (!signal.aborted) {
      const startedAt = this.#clock.now();
      const error = await this.#follow(signal);
      if (isAborted(signal)) return;
      if (this.#clock.now() - startedAt > BACKOFF_RESET_MS) backoff = BACKOFF_FIRST_MS;
      this.#tell({ type: 'restart' });
      if (error === undefined) continue;
      this.#recover(error);
      const asked = (error.retryAfterSeconds ?? 0) * 1000;
      await wait(this.#clock, Math.max(asked, backoff * (0.5 + this.#clock.random())), signal);
      backoff = Math.min(backoff * 2, BACKOFF_LAST_MS);
    }
  }

  /** One list (where there is none yet) and one watch. Returns at the end of the watch, with the error that ended it. */
  async #follow(signal: AbortSignal): Promise<KubeError | undefined> {
    try {
      if (this.#resourceVersion === undefined && !this.#streamsLists) await this.#list(signal);
      await this.#watch(signal);
      return undefined;
    } catch (error) {
      if (error instanceof KubeError) return error;
      return new KubeError('protocol', error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  #recover(error: KubeError): void {
    const hadVersion = this.#resourceVersion !== undefined;
    if (isExpired(error)) {
      this.#resourceVersion = undefined;
      this.#tell({ type: 'relist' });
      return;
    }
    // A server without streaming lists refuses the parameters.
    if (!hadVersion && (error.status === 400 || error.status === 422)) this.#streamsLists = false;
    this.#tell({ type: 'failed', error });
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, type, selection } = this.#options;
    const list = await client.list(type, selection, signal);
    this.#replace(list.items);
    this.#resourceVersion = list.resourceVersion;
  }

  /** Without a resourceVersion the stream begins with the whole list and marks its end by an annotated bookmark. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { client, type, selection, cache } = this.#options;
    const seconds = 300 + Math.floor(this.#clock.random() * 300);
    const parameters: Record<string, string> = { allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) };
    let initial: Map<string, KubeObject> | undefined;
    if (this.#resourceVersion === undefined) {
      initial = new Map();
      parameters['sendInitialEvents'] = 'true';
      parameters['resourceVersionMatch'] = 'NotOlderThan';
    } else {
      parameters['resourceVersion'] = this.#resourceVersion;
    }
    for await (const { type: what, object } of client.watch(type, selection ?? {}, parameters, {
      signal,
      silenceMs: SILENCE_MS,
    })) {
      this.#lastEventAt = this.#clock.now();
      if (what === 'BOOKMARK') {
        if (initial !== undefined && object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true') {
          this.#replace([...initial.values()]);
          initial = undefined;
        }
      } else if (initial !== undefined) {
        if (what === 'DELETED') initial.delete(keyOf(object.metadata));
        else initial.set(keyOf(object.metadata), object);
        continue;
      } else if (what === 'DELETED') cache.remove(object);
      else cache.upsert(this.#trimmed(object));
      if (initial === undefined) this.#resourceVersion = object.metadata.resourceVersion;
    }
  }

  #replace(objects: KubeObject[]): void {
    this.#options.cache.replace(objects.map((object) => this.#trimmed(object)));
    this.#lastEventAt = this.#clock.now();
    this.#markSynced();
    this.#tell({ type: 'synced' });
  }

  #trimmed(object: KubeObject): KubeObject {
    return this.#options.trim?.(object) ?? object;
  }

  #tell(event: ReflectorEvent): void {
    this.#options.onEvent?.(event);
  }
}
