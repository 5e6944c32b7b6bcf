import { byLabel, Cache, keyOf } from '../kube/cache.ts';
import type { KubeClient } from '../kube/client.ts';
import { at, isObject, textAt } from '../kube/json.ts';
import { Reflector, type ReflectorEvent } from '../kube/reflector.ts';
import type { KubeObject, ManagedFieldsEntry, ObjectKey, ResourceType } from '../kube/types.ts';
import { FIELD_MANAGER } from './plan.ts';

/** The kind that this operator is for. */
export const COLLAB_EDITOR: ResourceType = {
  apiVersion: 'collabeditor.dev/v1alpha1',
  kind: 'CollabEditor',
  plural: 'collabeditors',
  namespaced: true,
};

const POD: ResourceType = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
export const SECRET: ResourceType = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };

/** Pods of `config/logs`, which are no part of any environment. */
const COLLECTOR = 'app.kubernetes.io/name=collabeditor-collector';

const INSTANCE = 'app.kubernetes.io/instance';
const OURS = `app.kubernetes.io/managed-by=${FIELD_MANAGER}`;
const BY_INSTANCE = 'instance';

export interface ClusterOptions {
  client: KubeClient;
  /** Namespaces to watch; empty: all. */
  namespaces: string[];
  childKinds: readonly (ResourceType & { optional?: boolean })[];
  onEvent?: (kind: string, event: ReflectorEvent) => void;
  onListenerError?: (error: unknown) => void;
}

interface Watched {
  type: ResourceType;
  cache: Cache;
  reflectors: Reflector[];
}

interface SecretWatch {
  cache: Cache;
  reflector: Reflector;
  stop: AbortController;
}

/** What the operator knows of the cluster: only objects with our label, and the Secrets that resources name. Reads ask no server. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #secrets = new Map<string, SecretWatch>();
  #collectors: Cache | undefined;
  readonly #changed: (key: string) => void;
  readonly #resourceChanged: (key: string) => void;
  #signal: AbortSignal = new AbortController().signal;

  /** `changed` is told the key of the environment that a changed object belongs to. */
  constructor(
    options: ClusterOptions,
    told: { resourceChanged: (key: string) => void; childChanged: (key: string) => void },
  ) {
    this.#options = options;
    this.#changed = told.childChanged;
    this.#resourceChanged = told.resourceChanged;
  }

  /** Begins to watch and waits until the caches are filled. */
  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#watch(COLLAB_EDITOR, undefined);
    this.#watch(POD, OURS);
    for (const kind of this.#options.childKinds) if (kind.optional !== true) this.#watch(kind, OURS);
    const collectors = this.#watchCollectors();
    await this.discover();
    const filled = [...this.#watched.values()].flatMap(({ reflectors }) => reflectors.map(({ synced }) => synced));
    if (collectors !== undefined) filled.push(collectors.synced);
    await Promise.race([Promise.all(filled), aborted(signal)]);
  }

  /** Looks for optional kinds that the server has by now and begins to watch them. Returns whether there are any. */
  async discover(): Promise<boolean> {
    let found = false;
    for (const kind of this.#options.childKinds) {
      if (kind.optional !== true || this.has(kind)) continue;
      const served = await this.#options.client.discover(kind.apiVersion);
      if (!served.some(({ plural }) => plural === kind.plural)) continue;
      this.#watch(kind, OURS);
      found = true;
    }
    return found;
  }

  /** Whether a kind is served and watched. */
  has(type: ResourceType): boolean {
    return this.#watched.has(watchName(type));
  }

  /** The kinds of children that are watched. */
  kinds(): ResourceType[] {
    return [...this.#watched.values()]
      .map(({ type }) => type)
      .filter(({ kind }) => kind !== 'Pod' && kind !== 'CollabEditor');
  }

  typeOf({ apiVersion, kind }: { apiVersion: string; kind: string }): ResourceType | undefined {
    return this.#watched.get(watchName({ apiVersion, kind }))?.type;
  }

  resources(): KubeObject[] {
    return this.#cacheOf(COLLAB_EDITOR).all();
  }

  resource(key: ObjectKey): KubeObject | undefined {
    return this.#cacheOf(COLLAB_EDITOR).get(key);
  }

  pods(resource: ObjectKey): KubeObject[] {
    return this.#cacheOf(POD).find(BY_INSTANCE, keyOf(resource));
  }

  /** Pods of the log collector; undefined where only some namespaces may be looked at. */
  collectors(): KubeObject[] | undefined {
    return this.#collectors?.all();
  }

  child(object: { apiVersion: string; kind: string; metadata: ObjectKey }): KubeObject | undefined {
    return this.#watched.get(watchName(object))?.cache.get(object.metadata);
  }

  /** Everything with our labels that belongs to an environment. */
  children(resource: ObjectKey): KubeObject[] {
    return this.kinds().flatMap((type) => this.#cacheOf(type).find(BY_INSTANCE, keyOf(resource)));
  }

  /** Takes the answer of a write, so that what we wrote is what we read. */
  wrote(object: KubeObject): void {
    this.#watched.get(watchName(object))?.cache.upsert(trim(object));
  }

  /** Forgets an object that the server says is gone. */
  deleted(object: KubeObject): void {
    this.#watched.get(watchName(object))?.cache.remove(object);
  }

  /** A Secret that a resource names, from a watch on that one name. */
  async secret(key: ObjectKey): Promise<KubeObject | undefined> {
    const name = keyOf(key);
    let watch = this.#secrets.get(name);
    if (watch === undefined) {
      watch = this.#watchSecret(key);
      this.#secrets.set(name, watch);
    }
    await Promise.race([watch.reflector.synced, aborted(this.#signal)]);
    return watch.cache.get(key);
  }

  /** The same as far as it is known by now. */
  knownSecret(key: ObjectKey): KubeObject | undefined {
    return this.#secrets.get(keyOf(key))?.cache.get(key);
  }

  /** Ends the watches on Secrets that no resource names any more. */
  keepSecrets(wanted: ReadonlySet<string>): void {
    for (const [name, watch] of this.#secrets) {
      if (wanted.has(name)) continue;
      watch.stop.abort();
      this.#secrets.delete(name);
    }
  }

  /** Milliseconds of silence by kind. */
  silence(): Map<string, number> {
    return new Map(
      [...this.#watched.values()].map(({ type, reflectors }) => [
        type.kind,
        Math.max(...reflectors.map((one) => one.silentFor)) / 1000,
      ]),
    );
  }

  #watch(type: ResourceType, labelSelector: string | undefined): void {
    const cache = new Cache({ [BY_INSTANCE]: byLabel(INSTANCE) }, this.#options.onListenerError);
    cache.onChange(({ before, after }) => this.#route(type, after ?? before));
    const scopes = this.#options.namespaces.length === 0 ? [undefined] : this.#options.namespaces;
    // Each namespace has a cache of its own behind one: a list of one namespace must not remove the objects of another.
    const reflectors = scopes.map((namespace) => {
      const scoped = namespace === undefined ? cache : forwardTo(cache);
      const selection = { namespace, labelSelector };
      return new Reflector({
        client: this.#options.client,
        type,
        selection,
        cache: scoped,
        trim,
        onEvent: (event) => this.#options.onEvent?.(type.kind, event),
      });
    });
    this.#watched.set(watchName(type), { type, cache, reflectors });
    for (const reflector of reflectors) void reflector.run(this.#signal);
  }

  /** Whether lines are shipped concerns every environment that keeps them. */
  #watchCollectors(): Reflector | undefined {
    if (this.#options.namespaces.length > 0) return undefined;
    const cache = new Cache({}, this.#options.onListenerError);
    cache.onChange(() => {
      for (const resource of this.resources())
        if (textAt(resource, 'spec', 'observability', 'logs') === 'Managed') this.#changed(keyOf(resource.metadata));
    });
    this.#collectors = cache;
    const selection = { labelSelector: COLLECTOR };
    const reflector = new Reflector({ client: this.#options.client, type: POD, selection, cache, trim });
    void reflector.run(this.#signal);
    return reflector;
  }

  #watchSecret(key: ObjectKey): SecretWatch {
    const cache = new Cache({}, this.#options.onListenerError);
    const stop = new AbortController();
    const selection = { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}` };
    const reflector = new Reflector({ client: this.#options.client, type: SECRET, selection, cache, trim });
    cache.onChange(() => this.#secretChanged(key));
    void reflector.run(AbortSignal.any([this.#signal, stop.signal]));
    return { cache, reflector, stop };
  }

  #secretChanged(secret: ObjectKey): void {
    for (const { metadata } of this.resources())
      if (metadata.namespace === secret.namespace) this.#changed(keyOf(metadata));
  }

  #route(type: ResourceType, object: KubeObject | undefined): void {
    if (object === undefined) return;
    if (type === COLLAB_EDITOR) return this.#resourceChanged(keyOf(object.metadata));
    const instance = object.metadata.labels?.[INSTANCE];
    if (instance !== undefined) this.#changed(keyOf({ namespace: object.metadata.namespace, name: instance }));
  }

  #cacheOf(type: ResourceType): Cache {
    const watched = this.#watched.get(watchName(type));
    if (watched === undefined) throw new Error(`${type.kind} is not watched`);
    return watched.cache;
  }
}

/** A cache whose changes go on into another one. */
function forwardTo(whole: Cache): Cache {
  const part = new Cache();
  part.onChange(({ before, after }) => {
    if (after !== undefined) whole.upsert(after);
    else if (before !== undefined) whole.remove(before);
  });
  return part;
}

/** Keeps what is read: of managed fields our own and those of whoever scales a Deployment. */
function trim(object: KubeObject): KubeObject {
  const managedFields = object.metadata.managedFields?.flatMap(trimEntry);
  const annotations = { ...object.metadata.annotations };
  delete annotations['kubectl.kubernetes.io/last-applied-configuration'];
  return {
    ...object,
    metadata: { ...object.metadata, annotations, ...(managedFields !== undefined && { managedFields }) },
  };
}

function trimEntry(entry: ManagedFieldsEntry): ManagedFieldsEntry[] {
  if (entry.manager === FIELD_MANAGER && entry.operation === 'Apply') return [entry];
  const replicas = at(entry.fieldsV1, 'f:spec', 'f:replicas');
  return isObject(replicas) ? [{ ...entry, fieldsV1: { 'f:spec': { 'f:replicas': {} } } }] : [];
}

function watchName({ apiVersion, kind }: { apiVersion: string; kind: string }): string {
  return `${apiVersion}/${kind}`;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
