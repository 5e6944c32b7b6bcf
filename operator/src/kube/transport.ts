import { Agent, request, type Dispatcher } from 'undici';
import type { Connection, Credentials } from './credentials.ts';
import { KubeError } from './errors.ts';

/** One HTTP request to an API server. */
export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  contentType?: string;
  body?: unknown;
  signal?: AbortSignal | undefined;
  /** Time until the answer's head, and between two pieces of its body; 0: no limit on the body. */
  headersTimeoutMs?: number;
  bodyTimeoutMs?: number;
}

/** Told of every answered request. Used for metrics and by tests that count requests. */
export type RequestObserver = (request: { method: string; path: string; status: number; host: string }) => void;

export type HttpResponse = Dispatcher.ResponseData;

const KEEP_ALIVE_MS = 30_000;

/**
 * Sends requests over one shared agent: with a TLS connection for each request, a call costs ten times the CPU.
 * The agent is replaced only when the client's certificate or the CA has changed.
 */
export class Transport {
  readonly #credentials: Credentials;
  readonly #observe: RequestObserver;
  readonly #userAgent: string;
  #agent: { agent: Agent; tls: Connection['tls'] } | undefined;

  constructor(credentials: Credentials, userAgent: string, observe: RequestObserver) {
    this.#credentials = credentials;
    this.#userAgent = userAgent;
    this.#observe = observe;
  }

  /** Sends a request; a 401 is tried once more with credentials read afresh. */
  async send(http: HttpRequest): Promise<HttpResponse> {
    const response = await this.#sendOnce(http);
    if (response.statusCode !== 401) return response;
    await response.body.dump();
    this.#credentials.invalidate();
    return this.#sendOnce(http);
  }

  /** Closes the sockets. Requests that are under way fail. */
  async close(): Promise<void> {
    await this.#agent?.agent.destroy();
    this.#agent = undefined;
  }

  async #sendOnce(http: HttpRequest): Promise<HttpResponse> {
    const connection = await this.#credentials.current();
    const headers: Record<string, string> = {
      ...connection.headers,
      accept: 'application/json',
      'user-agent': this.#userAgent,
    };
    if (http.contentType !== undefined) headers['content-type'] = http.contentType;
    try {
      const response = await request(`${connection.server}${http.path}`, {
        method: http.method,
        headers,
        body: http.body === undefined ? null : JSON.stringify(http.body),
        dispatcher: this.#agentFor(connection),
        signal: http.signal ?? null,
        headersTimeout: http.headersTimeoutMs ?? 30_000,
        bodyTimeout: http.bodyTimeoutMs ?? 30_000,
      });
      this.#observed(http, response.statusCode, connection);
      return response;
    } catch (error) {
      this.#observed(http, 0, connection);
      throw transportError(error, http.signal);
    }
  }

  #observed(http: HttpRequest, status: number, connection: Connection): void {
    this.#observe({ method: http.method, path: http.path, status, host: new URL(connection.server).host });
  }

  #agentFor({ tls }: Connection): Agent {
    if (this.#agent !== undefined && sameTls(this.#agent.tls, tls)) return this.#agent.agent;
    void this.#agent?.agent.close();
    const connect = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
    const agent = new Agent({
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: { ...connect, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, timeout: 10_000 },
    });
    this.#agent = { agent, tls };
    return agent;
  }
}

/** The library's error for one of the HTTP client's. */
export function transportError(error: unknown, signal: AbortSignal | undefined): KubeError {
  if (error instanceof KubeError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  if (signal?.aborted === true) return new KubeError('aborted', 'the request was cancelled', { cause });
  const name = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
  const timeout = name.includes('TIMEOUT');
  const detail = cause.message === '' ? name : cause.message;
  return new KubeError(timeout ? 'timeout' : 'unreachable', `the API server did not answer: ${detail}`, { cause });
}

function sameTls(a: Connection['tls'], b: Connection['tls']): boolean {
  const same = (x: Buffer | undefined, y: Buffer | undefined) =>
    x === y || (x !== undefined && y !== undefined && x.equals(y));
  return same(a.ca, b.ca) && same(a.cert, b.cert) && same(a.key, b.key) && a.servername === b.servername;
}
