import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { route, type Route } from '@collabeditor/contracts';
import { Registry } from 'prom-client';
import Type from 'typebox';
import type { Caller, Verifier } from './auth.ts';
import { createHttpApp, type HttpOptions } from './http.ts';
import { createLogger } from './log.ts';
import { acceptPeers } from './peer.ts';
import { Problem } from './problem.ts';
import { handle, type Mounted, reply } from './route.ts';

const id = '7f3c1a52-0d7e-4b1c-9a3f-6f2d8b1e4c55';
const caller: Caller = { userId: id, name: 'Ada', email: 'ada@example.org', expiresAt: 0, token: 'good' };
const verifier: Verifier = {
  verify: async (token) => {
    if (token !== 'good') throw new Problem('unauthenticated');
    return caller;
  },
  [Symbol.asyncDispose]: async () => undefined,
};

const thing = { access: 'public', summary: '', answers: {}, method: 'get', id: 'thing', path: '/things/{id}' } as const;
const byId = route({ ...thing, params: Type.Object({ id: Type.String({ format: 'uuid' }) }) });
const echo = route({
  ...thing,
  method: 'post',
  path: '/things',
  body: Type.Object({ name: Type.String({ minLength: 2 }), inner: Type.Optional(Type.Object({ n: Type.Integer() })) }),
  bodyLimit: 100,
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

const cleanups: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function serve(routes: readonly Mounted[], options: Partial<HttpOptions> = {}) {
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = createLogger({ service: 'test', pod: 'p', level: 'debug', destination });
  const metrics = new Registry();
  const server = createServer(createHttpApp({ routes, metrics, log, ...options }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = async (path: string, init?: RequestInit): Promise<Answer> => {
    const response = await fetch(base + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
  return { base, call, metrics, lines };
}

const post = (body: string): RequestInit => ({ method: 'POST', body });

describe('a body', () => {
  it.each(['{', 'nul', '{"name":}'])('[KI10] %s is malformed', async (body) => {
    const { call } = await serve([handle(echo, async () => reply(200))]);
    const answer = await call('/things', post(body));
    expect(answer).toMatchObject({ status: 400, body: { code: 'malformed_json', status: 400 } });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  it('[KI11] tells each wrong field by its pointer', async () => {
    let called = false;
    const { call } = await serve([
      handle(echo, async () => {
        called = true;
        return reply(200);
      }),
    ]);
    const paths = async (body: unknown) => {
      const answer = await call('/things', post(JSON.stringify(body)));
      expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
      return (answer.body as { errors: { path: string }[] }).errors.map(({ path }) => path);
    };
    expect(await paths({})).toEqual(['/name']);
    expect(await paths({ name: 'x', inner: { n: 1.5 } })).toEqual(['/name', '/inner/n']);
    expect(await paths([])).toEqual(['']);
    expect(await paths(null)).toEqual(['']);
    expect(called).toBe(false);
  });

  it('[KI11] may have unknown fields', async () => {
    const { call } = await serve([handle(echo, async ({ body }) => reply(200, { name: body.name }))]);
    expect(await call('/things', post('{"name":"ok","more":1}'))).toMatchObject({ status: 200, body: { name: 'ok' } });
  });

  it('[KI12] over the limit is refused, with or without Content-Length', async () => {
    const { call, base } = await serve([handle(echo, async () => reply(200))]);
    const large = JSON.stringify({ name: 'x'.repeat(200) });
    expect(await call('/things', post(large))).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
    expect(await chunked(`${base}/things`, large)).toBe(413);
  });
});

function chunked(url: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: 'POST' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.once('error', reject);
    request.write(body.slice(0, 50));
    request.end(body.slice(50));
  });
}

describe('a path', () => {
  const routes = [handle(byId, async ({ params }) => reply(200, params)), handle(echo, async () => reply(200))];

  it('[KI13] with a wrong method tells the right ones', async () => {
    const { call } = await serve(routes);
    const answer = await call('/things', { method: 'DELETE' });
    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(answer.headers.get('allow')).toBe('POST, OPTIONS');
    expect((await call(`/things/${id}`, { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD, OPTIONS');
  });

  it('[KI13] that nobody knows is not found', async () => {
    const { call } = await serve(routes);
    expect(await call('/other')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await call('/things/%E0%A4%A')).toMatchObject({ status: 404 });
  });

  it('[KI14] with an id that is no UUID is not found', async () => {
    const { call } = await serve(routes);
    expect(await call('/things/42')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await call(`/things/${id}`)).toMatchObject({ status: 200, body: { id } });
  });

  it('[KI20] that is fixed wins over a pattern', async () => {
    const fixed = route({ ...thing, method: 'post', path: '/things/join' });
    const { call } = await serve([...routes, handle(fixed, async () => reply(200, 'fixed'))]);
    expect(await call('/things/join', { method: 'POST' })).toMatchObject({ status: 200, body: 'fixed' });
    expect(await call('/things/join')).toMatchObject({ status: 405 });
  });
});

describe('an answer', () => {
  it('[KI15] has a strong ETag and is 304 for whoever has it', async () => {
    const { call } = await serve([handle(byId, async ({ params }) => reply(200, params))]);
    const etag = (await call(`/things/${id}`)).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    const again = await call(`/things/${id}`, { headers: { 'If-None-Match': `"other", W/${etag}` } });
    expect(again).toMatchObject({ status: 304, body: undefined });
    expect(await call(`/things/${id}`, { headers: { 'If-None-Match': '"other"' } })).toMatchObject({ status: 200 });
  });

  it('[KI16] reads numbers and booleans of the query', async () => {
    const search = route({
      ...thing,
      path: '/search',
      query: Type.Object({
        limit: Type.Optional(Type.Integer({ maximum: 100 })),
        all: Type.Optional(Type.Boolean()),
        q: Type.Optional(Type.String()),
      }),
    });
    const { call } = await serve([handle(search, async ({ query }) => reply(200, query))]);
    expect((await call('/search?limit=5&all=true&q=7')).body).toEqual({ limit: 5, all: true, q: '7' });
    for (const query of ['limit=101', 'limit=x', 'limit=1e1', 'limit=', 'limit=1&limit=2', 'all=yes']) {
      expect(await call(`/search?${query}`)).toMatchObject({ status: 422 });
    }
  });

  it('[KI18] is 503 with Retry-After while a store is away', async () => {
    const failure = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' });
    const { call } = await serve([handle(byId, () => Promise.reject(failure))]);
    const answer = await call(`/things/${id}`);
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(answer.headers.get('retry-after')).toBe('2');
  });

  it('[KI19] tells nothing of a bug, and the log tells it once', async () => {
    const { call, lines } = await serve([handle(byId, () => Promise.reject(new TypeError('the secret inner text')))]);
    const answer = await call(`/things/${id}`);
    expect(answer).toMatchObject({ status: 500, body: { code: 'internal' } });
    expect(JSON.stringify(answer.body)).not.toContain('secret');
    expect(lines.filter((line) => line.includes('the secret inner text'))).toHaveLength(1);
  });
});

describe('origins', () => {
  const routes = [handle(byId, async () => reply(200, {}))];
  const from = (origin: string): RequestInit => ({ headers: { Origin: origin } });

  it('[KI17] that are allowed get CORS headers', async () => {
    const { call } = await serve(routes, { allowedOrigins: ['https://a.example'] });
    expect((await call(`/things/${id}`, from('https://a.example'))).headers.get('access-control-allow-origin')).toBe(
      'https://a.example',
    );
    expect(
      (await call(`/things/${id}`, from('https://b.example'))).headers.get('access-control-allow-origin'),
    ).toBeNull();
    const preflight = await call(`/things/${id}`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://a.example', 'Access-Control-Request-Method': 'PUT' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('If-Match');
  });

  it('[KI17] get none without a list', async () => {
    const { call } = await serve(routes);
    expect(
      (await call(`/things/${id}`, from('https://a.example'))).headers.get('access-control-allow-origin'),
    ).toBeNull();
  });
});

describe('access', () => {
  const secured: Route = {
    ...thing,
    method: 'post',
    access: 'user',
    path: '/secured',
    body: Type.Object({ x: Type.String() }),
  };

  it('[KI21] is checked before the body is read', async () => {
    const { call } = await serve([handle(secured, async () => reply(200))], { verifier });
    expect(await call('/secured', post('{'))).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    const headers = { Authorization: 'Bearer good' };
    expect(await call('/secured', { ...post('{'), headers })).toMatchObject({ status: 400 });
  });

  it('[KI34] of a peer needs a known credential; a user token beside it is verified', async () => {
    const internal = route({ ...thing, access: 'peer', path: '/internal/who' });
    const { call } = await serve(
      [handle(internal, async (request) => reply(200, { user: request.caller?.userId ?? null }))],
      {
        verifier,
        peers: acceptPeers({ document: 'document-secret-0', realtime: 'realtime-secret-0' }),
      },
    );
    const who = (headers: Record<string, string>) => call('/internal/who', { headers });
    expect(await who({})).toMatchObject({ status: 401 });
    expect(await who({ 'x-service-token': 'wrong' })).toMatchObject({ status: 401 });
    expect(await who({ 'x-service-token': 'realtime-secret-0' })).toMatchObject({ status: 200, body: { user: null } });
    const withUser = { 'x-service-token': 'document-secret-0', authorization: 'Bearer good' };
    expect(await who(withUser)).toMatchObject({ status: 200, body: { user: id } });
    expect(await who({ ...withUser, authorization: 'Bearer bad' })).toMatchObject({ status: 401 });
  });
});

it('[KI22] times requests by route pattern', async () => {
  const { call, metrics } = await serve([handle(byId, async () => reply(200, {}))]);
  await call(`/things/${id}`);
  await call('/unknown/42');
  const text = await metrics.metrics();
  expect(text).toContain('http_request_duration_seconds_count{method="GET",route="/things/{id}",status="200"} 1');
  expect(text).toContain('route="unmatched",status="404"');
  expect(text).not.toContain(id);
});

it('[KI40] logs the trace of a request, and never its query', async () => {
  const { call, lines } = await serve([handle(byId, async () => reply(200, {}))]);
  const headers: IncomingHttpHeaders & Record<string, string> = {
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  };
  await call(`/things/${id}?token=secret-value`, { headers });
  const line = JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;
  expect(line).toMatchObject({
    level: 'debug',
    msg: 'A request was answered',
    event: 'request_answered',
    service: 'test',
    traceId: 'a'.repeat(32),
    status: 200,
  });
  expect(new Date(String(line['time'])).getTime()).not.toBeNaN();
  expect(lines.join()).not.toContain('secret-value');
});
