import type { KubeClient } from './client.ts';
import { systemClock, type Clock } from './clock.ts';
import { isNotFound } from './errors.ts';
import { microTime } from './lease.ts';
import { hashOf } from './ownership.ts';
import type { KubeObject, ResourceType } from './types.ts';

const EVENT: ResourceType = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events', namespaced: true };

/** Something that happened to an object, told to people. */
export interface EventNote {
  type: 'Normal' | 'Warning';
  /** One CamelCase word. */
  reason: string;
  /** What was done, one CamelCase word. */
  action: string;
  note: string;
  related?: KubeObject | undefined;
}

export interface RecorderOptions {
  client: Pick<KubeClient, 'create' | 'patch'>;
  controller: string;
  instance: string;
  clock?: Clock;
  wallClock?: () => Date;
  onError?: (error: unknown) => void;
}

interface Series {
  name: string;
  count: number;
  lastAt: number;
}

const SERIES_MS = 6 * 60_000;
const NOTE_LIMIT = 1024;
const BURST = 25;
const REFILL_MS = 5 * 60_000;
const SERIES_LIMIT = 4096;

/**
 * Writes Events. The same event again within six minutes raises the count of the first one; one object gets a burst of
 * 25 and then one each five minutes. A failed write is told to `onError` and forgotten: events are hints.
 */
export class EventRecorder {
  readonly #options: Required<RecorderOptions>;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, { level: number; at: number }>();
  #tail: Promise<void> = Promise.resolve();

  constructor(options: RecorderOptions) {
    this.#options = { clock: systemClock, wallClock: () => new Date(), onError: () => undefined, ...options };
  }

  /** Records without waiting for the server. */
  record(regarding: KubeObject, event: EventNote): void {
    const note = event.note.length > NOTE_LIMIT ? `${event.note.slice(0, NOTE_LIMIT - 1)}…` : event.note;
    const uid = regarding.metadata.uid ?? regarding.metadata.name;
    if (!this.#admit(uid)) return;
    this.#tail = this.#tail.then(async () => {
      try {
        await this.#write(
          regarding,
          { ...event, note },
          `${uid}/${hashOf([event.type, event.reason, event.action, note])}`,
        );
      } catch (error) {
        this.#options.onError(error);
      }
    });
  }

  /** Waits until everything recorded so far is written or given up. */
  async flush(): Promise<void> {
    await this.#tail;
  }

  async #write(regarding: KubeObject, event: EventNote, key: string): Promise<void> {
    const now = this.#options.clock.now();
    const known = this.#series.get(key);
    if (known !== undefined && now - known.lastAt < SERIES_MS) {
      known.count += 1;
      known.lastAt = now;
      if (await this.#raise(regarding, known)) return;
    }
    const name = `${regarding.metadata.name}.${hashOf([key, this.#options.wallClock().toISOString()])}`;
    await this.#options.client.create(EVENT, this.#eventObject(regarding, event, name));
    this.#remember(key, { name, count: 1, lastAt: now });
  }

  async #raise(regarding: KubeObject, series: Series): Promise<boolean> {
    const lastObservedTime = microTime(this.#options.wallClock());
    const key = { namespace: namespaceOf(regarding), name: series.name };
    try {
      await this.#options.client.patch(EVENT, key, { series: { count: series.count, lastObservedTime } });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  #remember(key: string, series: Series): void {
    this.#series.delete(key);
    this.#series.set(key, series);
    const oldest = this.#series.keys().next().value;
    if (this.#series.size > SERIES_LIMIT && oldest !== undefined) this.#series.delete(oldest);
  }

  #admit(uid: string): boolean {
    const now = this.#options.clock.now();
    const bucket = this.#buckets.get(uid) ?? { level: BURST, at: now };
    const level = Math.min(BURST, bucket.level + (now - bucket.at) / REFILL_MS);
    this.#buckets.delete(uid);
    this.#buckets.set(uid, { level: level >= 1 ? level - 1 : level, at: now });
    const oldest = this.#buckets.keys().next().value;
    if (this.#buckets.size > SERIES_LIMIT && oldest !== undefined) this.#buckets.delete(oldest);
    return level >= 1;
  }

  #eventObject(regarding: KubeObject, event: EventNote, name: string): KubeObject {
    return {
      apiVersion: EVENT.apiVersion,
      kind: EVENT.kind,
      metadata: { name, namespace: namespaceOf(regarding) },
      eventTime: microTime(this.#options.wallClock()),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance,
      action: event.action,
      reason: event.reason,
      note: event.note,
      type: event.type,
      regarding: referenceTo(regarding),
      ...(event.related !== undefined && { related: referenceTo(event.related) }),
    };
  }
}

function namespaceOf(object: KubeObject): string {
  return object.metadata.namespace ?? 'default';
}

function referenceTo({ apiVersion, kind, metadata }: KubeObject): Record<string, string> {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}
