import { timingSafeEqual, createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Route } from '@collabeditor/contracts';
import { Agent, request } from 'undici';
import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { type Caller, unauthenticated } from './auth.ts';
import { isOutage, unavailable } from './problem.ts';
import { type SpanOptions, traceHeaders, withSpan } from './trace.ts';

const SERVICE_TOKEN_HEADER = 'x-service-token';

/** Says which peer sends a request; throws `unauthenticated`. */
export type PeerCheck = (headers: IncomingHttpHeaders) => string;

/** Accepts the credentials of these peers, compared in constant time. */
export function acceptPeers(tokens: Readonly<Record<string, string>>): PeerCheck {
  const accepted = Object.entries(tokens).map(([name, token]) => ({ name, digest: digest(token) }));
  return (headers) => {
    const offered = headers[SERVICE_TOKEN_HEADER];
    if (typeof offered !== 'string') throw unauthenticated('A service credential is needed');
    const offeredDigest = digest(offered);
    const matches = accepted.filter((peer) => timingSafeEqual(peer.digest, offeredDigest));
    if (!matches[0]) throw unauthenticated('The service credential is not known');
    return matches[0].name;
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export interface PeerOptions {
  readonly baseUrl: string;
  readonly serviceToken: string;
  /** Name of the service that is called, for messages. */
  readonly name: string;
  readonly timeoutMs?: number;
}

interface PeerCall<R extends Route> {
  readonly params?: R extends Route<infer Params> ? Static<Params> : never;
  readonly query?: R extends Route<TSchema, infer Query> ? Static<Query> : never;
  readonly body?: R extends Route<TSchema, TSchema, infer Body> ? Static<Body> : never;
  /** The user behind the call: its token is sent along. */
  readonly caller?: Pick<Caller, 'token'> | undefined;
  readonly signal?: AbortSignal;
}

export interface PeerAnswer {
  readonly status: number;
  /** Parsed JSON; of a success it has the shape that the route promises. Read it with {@link shaped}. */
  readonly body: unknown;
  readonly headers: IncomingHttpHeaders;
}

export interface PeerClient extends AsyncDisposable {
  /** Resolves for every answer below 500; a peer that is away, fails or breaks the contract is `unavailable`. */
  call<R extends Route>(route: R, input?: PeerCall<R>): Promise<PeerAnswer>;
}

export function createPeerClient(options: PeerOptions): PeerClient {
  const agent = new Agent({ connections: 32, pipelining: 1, keepAliveTimeout: 30_000, connect: { timeout: 2_000 } });
  const away = (cause?: unknown) => unavailable(`The ${options.name} service is not available for the moment`, cause);

  const attempt = (route: Route, input: PeerCall<Route>, resends: number): Promise<PeerAnswer> =>
    withSpan(
      () => callOf(route, options, resends),
      async (span) => {
        const answer = await send(route, input);
        span.set({ 'http.response.status_code': answer.status });
        if (answer.status >= 400) span.fail(String(answer.status));
        return answer;
      },
    );
  const send = async (route: Route, input: PeerCall<Route>): Promise<PeerAnswer> => {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? 10_000);
    const { statusCode, headers, body } = await request(new URL(target(route, input), options.baseUrl), {
      dispatcher: agent,
      method: route.method === 'patch' ? 'PATCH' : (route.method.toUpperCase() as 'GET' | 'POST' | 'PUT' | 'DELETE'),
      headers: requestHeaders(options, input),
      body: input.body === undefined ? null : JSON.stringify(input.body),
      signal: input.signal ? AbortSignal.any([input.signal, timeout]) : timeout,
    });
    const text = await body.text();
    return { status: statusCode, headers, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  };

  return {
    async call(route, input = {}) {
      let answer: PeerAnswer;
      try {
        answer = await attempt(route, input, 0);
      } catch (error) {
        input.signal?.throwIfAborted();
        // A replica that went away closes its idle connections under us; reading again does no harm.
        if (route.method !== 'get' || !isOutage(error)) throw away(error);
        answer = await attempt(route, input, 1).catch((second: unknown) => Promise.reject(away(second)));
      }
      if (answer.status === 401 && input.caller) throw unauthenticated('The access token is not valid');
      const promised = route.answers[answer.status];
      if (answer.status >= 500 || !promised) throw away(new Error(`${route.id} was answered with ${answer.status}`));
      if (answer.status < 300 && promised.schema && !validatorOf(promised.schema).Check(answer.body)) {
        throw away(new Error(`${route.id} was answered with another shape`));
      }
      return answer;
    },
    [Symbol.asyncDispose]: () => agent.close(),
  };
}

/** Narrows an answer's body to its schema. */
export function shaped<S extends TSchema>(schema: S, value: unknown): Static<S> {
  const validator: Validator = validatorOf(schema);
  if (!validator.Check(value)) throw new Error('a value has not the shape of its schema');
  return value as Static<S>;
}

const validators = new WeakMap<TSchema, Validator>();

function validatorOf(schema: TSchema): Validator {
  const known = validators.get(schema);
  if (known) return known;
  const validator = Compile(schema);
  validators.set(schema, validator);
  return validator;
}

/** The route's pattern, never the path: that has ids, and the query has addresses. */
function callOf(route: Route, { baseUrl }: PeerOptions, resends: number): SpanOptions {
  const { hostname, port, protocol } = new URL(baseUrl);
  const method = route.method.toUpperCase();
  return {
    name: `${method} ${route.path}`,
    kind: 'client',
    attributes: {
      'http.request.method': method,
      'url.template': route.path,
      'server.address': hostname,
      'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
      ...(resends === 0 ? {} : { 'http.request.resend_count': resends }),
    },
  };
}

function target(route: Route, { params, query }: PeerCall<Route>): string {
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(property(params, name)));
  const search = new URLSearchParams();
  if (typeof query === 'object' && query !== null) {
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  }
  return search.size > 0 ? `${path}?${search.toString()}` : path;
}

function property(params: unknown, name: string): string {
  const value =
    typeof params === 'object' && params !== null
      ? new Map<string, unknown>(Object.entries(params)).get(name)
      : undefined;
  if (typeof value !== 'string') throw new Error(`the path parameter ${name} is missing`);
  return value;
}

function requestHeaders(options: PeerOptions, input: PeerCall<Route>): Record<string, string> {
  return {
    [SERVICE_TOKEN_HEADER]: options.serviceToken,
    ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(input.caller ? { authorization: `Bearer ${input.caller.token}` } : {}),
    ...traceHeaders(),
  };
}
