import { MAX_BODY_BYTES, type Route } from '@collabeditor/contracts';
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import type { Registry } from 'prom-client';
import { bearer, type Caller, unauthenticated, type Verifier } from './auth.ts';
import { cors } from './cors.ts';
import { etagOf, namesEtag } from './etag.ts';
import { atMostPerSecond, type Logger } from './log.ts';
import type { PeerCheck } from './peer.ts';
import { isError, isOutage, Problem, unavailable } from './problem.ts';
import { requestMetrics } from './request-metrics.ts';
import type { Mounted, Reply } from './route.ts';
import { inTrace, type OpenSpan, openSpan, type SpanOptions, withTrace } from './trace.ts';

export interface HttpOptions {
  readonly routes: readonly Mounted[];
  /** Needed where a route has access `user`, or where peers send users' tokens along. */
  readonly verifier?: Verifier;
  /** Needed where a route has access `peer`. */
  readonly peers?: PeerCheck;
  readonly allowedOrigins?: readonly string[];
  readonly metrics: Registry;
  /** How many kinds of requests (method, route and status) get series of their own; the same for all apps of a process. */
  readonly requestKinds?: number;
  readonly log: Logger;
  /** Adds what is no REST operation, such as a page. */
  readonly extra?: (app: Express) => void;
}

/** Serves routes: checks who calls and what is sent, and answers every error as problem+json. */
export function createHttpApp(options: HttpOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  // The router in front appends the client's address; earlier entries are the client's own words.
  app.set('trust proxy', 1);
  app.use(observe(options));
  app.use(cors(options.allowedOrigins ?? []));
  for (const [path, mounted] of byPath(options.routes)) {
    const pattern = path.replaceAll(/\{(\w+)\}/g, ':$1');
    for (const one of mounted) app[one.route.method](pattern, labelled(path), ...serve(one, options));
    app.all(pattern, labelled(path), refuseMethod(mounted.map(({ route }) => route)));
  }
  options.extra?.(app);
  app.use((_request: Request) => {
    throw new Problem('not_found');
  });
  app.use(answerError(options.log));
  return app;
}

/** Fixed paths come before patterns that would swallow them. */
function byPath(routes: readonly Mounted[]): readonly (readonly [string, readonly Mounted[]])[] {
  const groups = Map.groupBy(routes, ({ route }) => route.path);
  const weight = (path: string): string => path.replaceAll(/\{\w+\}/g, '\uffff');
  return [...groups].sort(([a], [b]) => (weight(a) < weight(b) ? -1 : 1));
}

function serve(mounted: Mounted, options: HttpOptions): RequestHandler[] {
  const { route } = mounted;
  const parseBody = express.json({
    limit: route.bodyLimit ?? MAX_BODY_BYTES,
    strict: false,
    type: () => true,
    inflate: true,
  });
  return [
    async (request, response, next) => {
      locals(response).caller = await identify(request, route, options);
      mounted.checkPath(request.params);
      next();
    },
    ...(route.body ? [parseBody] : []),
    async (request, response) => {
      const body: unknown = request.body;
      const answer = await mounted.answer({
        params: request.params,
        query: request.query,
        // No body at all is an object without fields, so that the answer names what is missing.
        body: body === undefined ? {} : body,
        caller: locals(response).caller ?? null,
        headers: request.headers,
        ip: request.ip ?? '',
        url: request.originalUrl,
      });
      send(request, response, answer);
    },
  ];
}

async function identify(request: Request, route: Route, { verifier, peers }: HttpOptions): Promise<Caller | null> {
  if (route.access === 'public') return null;
  if (route.access === 'peer') {
    if (!peers) throw new Error(`${route.id} needs the credentials of peers`);
    peers(request.headers);
    if (request.headers.authorization === undefined) return null;
  }
  const token = bearer(request.headers);
  if (token === null) throw unauthenticated('An access token is needed');
  if (!verifier) throw new Error(`${route.id} needs a verifier`);
  return verifier.verify(token);
}

function send(request: Request, response: Response, { status, body, headers }: Reply): void {
  response.status(status).set(headers);
  if (body === undefined) return void response.end();
  if (request.method === 'GET' || request.method === 'HEAD') {
    const etag = headers['ETag'] ?? etagOf(body);
    response.set('ETag', etag);
    if (!('Cache-Control' in headers)) response.set('Cache-Control', 'private, no-cache');
    const known = request.headers['if-none-match'];
    if (status === 200 && known !== undefined && namesEtag(known, etag, 'weak')) return void response.status(304).end();
  } else if (!('Cache-Control' in headers)) {
    response.set('Cache-Control', 'no-store');
  }
  response.type('application/json').send(JSON.stringify(body));
}

function refuseMethod(routes: readonly Route[]): RequestHandler {
  const methods = routes.map(({ method }) => method.toUpperCase());
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return (request, response) => {
    if (request.method === 'OPTIONS') return void response.status(204).set('Allow', allow).end();
    throw new Problem('method_not_allowed', `Allowed here: ${allow}`, { headers: { Allow: allow } });
  };
}

function answerError(log: Logger) {
  // Express tells an error handler by its four parameters.
  return (error: unknown, _request: Request, response: Response, _next: NextFunction): void => {
    const problem = toProblem(error);
    if (problem.code === 'internal') log.error({ event: 'request_failed', err: error }, 'A request failed');
    else if (problem.status === 503)
      log.debug({ event: 'request_not_served', err: error }, 'A request could not be served for the moment');
    if (response.headersSent) return void response.destroy();
    response
      .status(problem.status)
      .set({ 'Cache-Control': 'no-store', ...problem.headers })
      .type('application/problem+json')
      .send(JSON.stringify(problem));
  };
}

const bodyProblems: Readonly<Record<string, () => Problem>> = {
  'entity.parse.failed': () => new Problem('malformed_json'),
  'entity.too.large': () => new Problem('payload_too_large'),
  'encoding.unsupported': () => new Problem('unsupported_media_type'),
  'charset.unsupported': () => new Problem('unsupported_media_type'),
  'request.size.invalid': () => new Problem('bad_request', 'The body is shorter than its Content-Length says'),
  'request.aborted': () => new Problem('bad_request', 'The body was not sent to its end'),
};

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isOutage(error)) return unavailable('A data store is not available for the moment', error);
  if (isError(error) && error.name === 'URIError') return new Problem('not_found');
  if (isError(error) && 'type' in error && typeof error.type === 'string') {
    const known = bodyProblems[error.type];
    if (known) return known();
  }
  if (isError(error) && 'status' in error && error.status === 400) return new Problem('bad_request');
  return new Problem('internal', 'The service failed; the failure was recorded');
}

interface Locals {
  caller?: Caller | null;
  route?: string;
}

function locals(response: Response): Locals {
  return response.locals;
}

function labelled(path: string): RequestHandler {
  return (_request, response, next) => {
    locals(response).route = path;
    next();
  };
}

/** Lines of failed requests a second; in an outage every request is one, and the metrics count them all. */
const FAILURES_TOLD = 10;

/** Times each request under its trace; the query is left out of the line, since it may hold a token. */
function observe({ metrics, requestKinds, log }: HttpOptions): RequestHandler {
  const durations = requestMetrics(metrics, requestKinds);
  const mayTell = atMostPerSecond(FAILURES_TOLD);
  const observed = (span: OpenSpan, request: Request, response: Response): void => {
    const begun = performance.now();
    const closed = (): void => {
      const { route } = locals(response);
      const status = response.statusCode;
      const method = methodLabel(request.method);
      const labels = { method, route: route ?? 'unmatched', status };
      const elapsed = performance.now() - begun;
      durations.observe(labels, elapsed / 1000);
      const ms = Math.round(elapsed);
      const line = { event: 'request_answered', ...labels, path: request.path, ms } as const;
      if (status >= 500 && mayTell()) log.warn(line, 'A request was answered');
      else log.debug(line, 'A request was answered');
      endSpan(span, method, route, status);
    };
    response.once('close', inTrace(closed));
  };
  return (request, response, next) => {
    withTrace(request.headers, () => {
      const span = openSpan(() => requestSpan(request));
      span.run(() => {
        observed(span, request, response);
        next();
      });
    });
  };
}

function endSpan(span: OpenSpan, method: string, route: string | undefined, status: number): void {
  if (!span.recording) return;
  if (route !== undefined) {
    span.rename(`${method} ${route}`);
    span.set({ 'http.route': route });
  }
  span.set({ 'http.response.status_code': status });
  if (status >= 500) span.fail(String(status));
  span.end();
}

function requestSpan({ method, protocol }: Request): SpanOptions {
  return {
    name: methodLabel(method),
    kind: 'server',
    attributes: { 'http.request.method': methodLabel(method), 'url.scheme': protocol === 'https' ? 'https' : 'http' },
  };
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Clients may invent methods; a label must not grow with them. */
function methodLabel(method: string): string {
  return methods.has(method) ? method : 'OTHER';
}
