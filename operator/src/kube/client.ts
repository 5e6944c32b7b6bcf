import { setTimeout as sleep } from 'node:timers/promises';
import type { Credentials } from './credentials.ts';
import { isNotFound, KubeError, statusError } from './errors.ts';
import { isObject, listAt, textAt, type JsonObject } from './json.ts';
import { Transport, transportError, type HttpRequest, type HttpResponse, type RequestObserver } from './transport.ts';
import type { KubeObject, ObjectKey, ResourceType } from './types.ts';

/** Where to look, for lists and watches. */
export interface Selection {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** One page, or all of a list. */
export interface ObjectList {
  items: KubeObject[];
  resourceVersion: string;
}

/** One line of a watch. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: KubeObject;
}

export interface ClientOptions {
  credentials: Credentials;
  userAgent: string;
  /** The name under which our fields are owned. */
  fieldManager: string;
  observe?: RequestObserver;
}

/** Conditions under which a delete may happen, and what becomes of dependants. */
export interface DeleteOptions {
  uid: string;
  resourceVersion?: string | undefined;
  propagation?: 'Background' | 'Foreground' | 'Orphan';
}

export interface ApplyOptions {
  dryRun?: boolean;
  /** Take fields that others own; default true. */
  force?: boolean;
}

const LIST_PAGE = 500;
const RETRIES_OF_429 = 3;
const LONGEST_WAIT_SECONDS = 10;

/** Talks JSON to an API server: what is not known here is neither lost on the way up nor on the way down. */
export class KubeClient {
  readonly fieldManager: string;
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    this.fieldManager = options.fieldManager;
    this.#transport = new Transport(options.credentials, options.userAgent, options.observe ?? (() => undefined));
  }

  async get(type: ResourceType, key: ObjectKey): Promise<KubeObject> {
    return parseObject(await this.#json({ method: 'GET', path: objectPath(type, key) }));
  }

  /** The object, or undefined where there is none. */
  async find(type: ResourceType, key: ObjectKey): Promise<KubeObject | undefined> {
    try {
      return await this.get(type, key);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** The whole list, page by page, as of one resourceVersion. */
  async list(type: ResourceType, selection: Selection = {}, signal?: AbortSignal): Promise<ObjectList> {
    const items: KubeObject[] = [];
    let page: string | undefined;
    for (;;) {
      const query = selectionQuery(selection, {
        limit: String(LIST_PAGE),
        ...(page !== undefined && { continue: page }),
      });
      const body = await this.#json({
        method: 'GET',
        path: `${collectionPath(type, selection.namespace)}?${query.toString()}`,
        signal,
      });
      // Items of a list carry neither apiVersion nor kind.
      for (const item of listAt(body, 'items')) {
        items.push(parseObject({ apiVersion: type.apiVersion, kind: type.kind, ...(isObject(item) && item) }));
      }
      page = textAt(body, 'metadata', 'continue');
      if (page === undefined || page === '') {
        return { items, resourceVersion: textAt(body, 'metadata', 'resourceVersion') ?? '' };
      }
    }
  }

  async create(type: ResourceType, object: KubeObject): Promise<KubeObject> {
    const query = new URLSearchParams({ fieldManager: this.fieldManager });
    const path = `${collectionPath(type, object.metadata.namespace)}?${query.toString()}`;
    return parseObject(await this.#json({ method: 'POST', path, contentType: 'application/json', body: object }));
  }

  /** Server-side apply: takes our fields, leaves all others. Without `force` a field that is somebody else's is a conflict. */
  async apply(type: ResourceType, object: KubeObject, options: ApplyOptions = {}): Promise<KubeObject> {
    return this.#apply(objectPath(type, object.metadata), object, options);
  }

  /** Server-side apply of the status subresource alone. */
  async applyStatus(type: ResourceType, object: KubeObject): Promise<KubeObject> {
    return this.#apply(`${objectPath(type, object.metadata)}/status`, object, {});
  }

  /** A JSON merge patch. `resourceVersion` in it makes the patch conditional. */
  async patch(type: ResourceType, key: ObjectKey, patch: JsonObject, subresource?: string): Promise<KubeObject> {
    const query = new URLSearchParams({ fieldManager: this.fieldManager });
    const path = `${objectPath(type, key)}${subresource === undefined ? '' : `/${subresource}`}?${query.toString()}`;
    const contentType = 'application/merge-patch+json';
    return parseObject(await this.#json({ method: 'PATCH', path, contentType, body: patch }));
  }

  /** Replaces an object; the resourceVersion inside it makes the write conditional. */
  async replace(type: ResourceType, object: KubeObject): Promise<KubeObject> {
    const query = new URLSearchParams({ fieldManager: this.fieldManager });
    const path = `${objectPath(type, object.metadata)}?${query.toString()}`;
    return parseObject(await this.#json({ method: 'PUT', path, contentType: 'application/json', body: object }));
  }

  /** Deletes that very object, never a later one of the same name. Gone already is fine. */
  async delete(type: ResourceType, key: ObjectKey, options: DeleteOptions): Promise<void> {
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: options.propagation ?? 'Background',
      preconditions: {
        uid: options.uid,
        ...(options.resourceVersion !== undefined && { resourceVersion: options.resourceVersion }),
      },
    };
    try {
      await this.#json({ method: 'DELETE', path: objectPath(type, key), contentType: 'application/json', body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The kinds of a group and version, empty where the server does not know it. */
  async discover(apiVersion: string): Promise<ResourceType[]> {
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    try {
      const body = await this.#json({ method: 'GET', path });
      return listAt(body, 'resources').flatMap((entry) => discoveredType(apiVersion, entry));
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  /** A raw GET, such as `/version`. */
  async raw(path: string, signal?: AbortSignal): Promise<unknown> {
    return this.#json({ method: 'GET', path, signal });
  }

  /**
   * The events of a watch until the server ends it. Errors end it with a KubeError, silence of the connection for
   * longer than `silenceMs` too: bookmarks come about once a minute.
   */
  async *watch(
    type: ResourceType,
    selection: Selection,
    parameters: Record<string, string>,
    options: { signal: AbortSignal; silenceMs: number },
  ): AsyncGenerator<WatchEvent> {
    const query = selectionQuery(selection, { ...parameters, watch: 'true' });
    const path = `${collectionPath(type, selection.namespace)}?${query.toString()}`;
    const response = await this.#transport.send({
      method: 'GET',
      path,
      signal: options.signal,
      bodyTimeoutMs: options.silenceMs,
    });
    if (response.statusCode !== 200) throw await refusal(response);
    try {
      for await (const line of lines(response.body)) yield parseEvent(line);
    } catch (error) {
      throw transportError(error, options.signal);
    }
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #apply(path: string, object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const query = new URLSearchParams({ fieldManager: this.fieldManager, force: String(options.force ?? true) });
    if (options.dryRun === true) query.set('dryRun', 'All');
    const contentType = 'application/apply-patch+yaml';
    return parseObject(
      await this.#json({ method: 'PATCH', path: `${path}?${query.toString()}`, contentType, body: object }),
    );
  }

  /** 429 means "not done, come back": it is safe to repeat whatever the method, so short waits happen here. */
  async #json(http: HttpRequest): Promise<unknown> {
    for (let attempt = 0; ; attempt += 1) {
      const response = await this.#transport.send(http);
      if (response.statusCode >= 200 && response.statusCode < 300) return readJson(response);
      const error = await refusal(response);
      const wait = error.retryAfterSeconds ?? 1;
      if (error.status !== 429 || attempt === RETRIES_OF_429 || wait > LONGEST_WAIT_SECONDS) throw error;
      await sleep(wait * 1000, undefined, { signal: http.signal });
    }
  }
}

/** The path of a kind's list. */
function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const root = type.apiVersion.includes('/') ? `/apis/${type.apiVersion}` : `/api/${type.apiVersion}`;
  const scope = type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}`;
}

function objectPath(type: ResourceType, key: ObjectKey): string {
  if (type.namespaced && key.namespace === undefined) throw new Error(`${type.kind} ${key.name} has no namespace`);
  return `${collectionPath(type, key.namespace)}/${encodeURIComponent(key.name)}`;
}

function selectionQuery(selection: Selection, rest: Record<string, string>): URLSearchParams {
  const query = new URLSearchParams(rest);
  if (selection.labelSelector !== undefined) query.set('labelSelector', selection.labelSelector);
  if (selection.fieldSelector !== undefined) query.set('fieldSelector', selection.fieldSelector);
  return query;
}

async function readJson(response: HttpResponse): Promise<unknown> {
  try {
    return await response.body.json();
  } catch (error) {
    throw new KubeError('protocol', 'the API server answered with something that is no JSON', { cause: error });
  }
}

async function refusal(response: HttpResponse): Promise<KubeError> {
  const text = await response.body.text().catch(() => '');
  const retryAfter = response.headers['retry-after'];
  return statusError(response.statusCode, parseJson(text), typeof retryAfter === 'string' ? retryAfter : undefined);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function* lines(body: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of body) {
    if (!(piece instanceof Uint8Array)) continue;
    const parts = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part !== '') yield part;
  }
}

function parseEvent(line: string): WatchEvent {
  const event = parseJson(line);
  const type = textAt(event, 'type');
  const object = isObject(event) ? event['object'] : undefined;
  if (type === 'ERROR') throw statusError(500, object);
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK') {
    return { type, object: type === 'BOOKMARK' ? parseBookmark(object) : parseObject(object) };
  }
  throw new KubeError('protocol', `the API server sent a watch event of the unknown type ${type ?? 'none'}`);
}

function parseBookmark(value: unknown): KubeObject {
  const metadata = isObject(value) && isObject(value['metadata']) ? value['metadata'] : {};
  return parseObject({ ...(isObject(value) && value), metadata: { ...metadata, name: '' } });
}

/** The one place where an answer becomes a KubeObject: everything behind it trusts `metadata`. */
function parseObject(value: unknown): KubeObject {
  if (isKubeObject(value)) return value;
  throw new KubeError('protocol', 'the API server answered with something that is no object');
}

function isKubeObject(value: unknown): value is KubeObject {
  return (
    isObject(value) &&
    typeof value['apiVersion'] === 'string' &&
    typeof value['kind'] === 'string' &&
    isObject(value['metadata']) &&
    typeof value['metadata']['name'] === 'string'
  );
}

function discoveredType(apiVersion: string, entry: unknown): ResourceType[] {
  const plural = textAt(entry, 'name');
  const kind = textAt(entry, 'kind');
  if (plural === undefined || kind === undefined || plural.includes('/')) return [];
  return [{ apiVersion, kind, plural, namespaced: isObject(entry) && entry['namespaced'] === true }];
}
