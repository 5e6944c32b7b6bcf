import { canonicalJson } from './json.ts';
import type { KubeObject, ObjectKey } from './types.ts';

/** What happened to an object, from the cache's point of view. Of a replaced object both states are told. */
export interface CacheChange {
  before: KubeObject | undefined;
  after: KubeObject | undefined;
}

/** Gives the values under which an object is found in an index. */
export type IndexFunction = (object: KubeObject) => string[];

const GONE_LIMIT = 1000;

/** `namespace/name`, or the name alone for a cluster-scoped object. */
export function keyOf({ namespace, name }: ObjectKey): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The other way round. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash === -1 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Finds objects by the UIDs of their owners. */
export function byOwner(object: KubeObject): string[] {
  return object.metadata.ownerReferences?.map((owner) => owner.uid) ?? [];
}

/** Finds objects by namespace and the value of a label: `<namespace>/<value>`. */
export function byLabel(label: string): IndexFunction {
  return ({ metadata }) => {
    const value = metadata.labels?.[label];
    return value === undefined ? [] : [keyOf({ namespace: metadata.namespace, name: value })];
  };
}

/**
 * The objects of one kind as last heard of, with indices. Written by one reflector; also by a writer with the answer
 * of its own write, so that it reads what it wrote. Of two states of an object the newer one stays.
 */
export class Cache {
  readonly #objects = new Map<string, KubeObject>();
  readonly #indices = new Map<string, { values: IndexFunction; keys: Map<string, Set<string>> }>();
  readonly #listeners = new Set<(change: CacheChange) => void>();
  readonly #gone = new Set<string>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(
    indices: Record<string, IndexFunction> = {},
    onListenerError: (error: unknown) => void = () => undefined,
  ) {
    for (const [name, values] of Object.entries(indices)) this.#indices.set(name, { values, keys: new Map() });
    this.#onListenerError = onListenerError;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): KubeObject | undefined {
    return this.#objects.get(keyOf(key));
  }

  all(): KubeObject[] {
    return [...this.#objects.values()];
  }

  /** The objects that an index holds under a value. */
  find(index: string, value: string): KubeObject[] {
    const entry = this.#indices.get(index);
    if (entry === undefined) throw new Error(`there is no index ${index}`);
    return [...(entry.keys.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Calls `listener` on each change. What it throws is reported and ends nothing. */
  onChange(listener: (change: CacheChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a state of an object, unless a newer one of the same object is known. */
  upsert(object: KubeObject): void {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before !== undefined && !isNewer(object, before)) return;
    if (this.#gone.has(object.metadata.uid ?? '')) return;
    this.#store(key, object);
    this.#tell({ before, after: object });
  }

  /** Forgets an object, unless one of another UID took its place. */
  remove(object: KubeObject): void {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before === undefined || before.metadata.uid !== object.metadata.uid) return;
    this.#unindex(key, before);
    this.#objects.delete(key);
    this.#bury(before);
    this.#tell({ before, after: undefined });
  }

  /** Takes a whole list: what is not in it is gone. */
  replace(objects: KubeObject[]): void {
    const listed = new Set(objects.map((object) => keyOf(object.metadata)));
    for (const [key, object] of [...this.#objects]) if (!listed.has(key)) this.remove(object);
    for (const object of objects) this.upsert(object);
  }

  #store(key: string, object: KubeObject): void {
    const before = this.#objects.get(key);
    if (before !== undefined) this.#unindex(key, before);
    this.#objects.set(key, object);
    for (const { values, keys } of this.#indices.values()) {
      for (const value of values(object)) {
        const found = keys.get(value) ?? new Set<string>();
        keys.set(value, found.add(key));
      }
    }
  }

  #unindex(key: string, object: KubeObject): void {
    for (const { values, keys } of this.#indices.values()) {
      for (const value of values(object)) {
        const found = keys.get(value);
        found?.delete(key);
        if (found?.size === 0) keys.delete(value);
      }
    }
  }

  /** The answer of a write may come after the news that the object is gone; a UID never comes back. */
  #bury({ metadata: { uid } }: KubeObject): void {
    if (uid !== undefined) this.#gone.add(uid);
    const oldest = this.#gone.values().next().value;
    if (this.#gone.size > GONE_LIMIT && oldest !== undefined) this.#gone.delete(oldest);
  }

  #tell(change: CacheChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}

/** resourceVersions are decimal numbers that only grow (promised from Kubernetes 1.35 on). */
function isNewer(candidate: KubeObject, known: KubeObject): boolean {
  if (candidate.metadata.uid !== known.metadata.uid) return true;
  const [a, b] = [candidate.metadata.resourceVersion ?? '', known.metadata.resourceVersion ?? ''];
  if (a === b) return canonicalJson(candidate) !== canonicalJson(known);
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return true;
  return a.length === b.length ? a > b : a.length > b.length;
}
