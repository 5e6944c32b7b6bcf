import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Provisioned } from './provisioning.ts';
import type { Settings } from './settings.ts';

/** Serves what was provisioned under Grafana's paths. It does not listen yet. */
export function serverOf(settings: Settings, provisioned: Provisioned): Server {
  return createServer((request, response) => {
    answer(settings, provisioned, request, response).catch((thrown: unknown) => {
      // A reader that goes away ends the pipe; nobody is left to be told.
      if (response.headersSent) response.destroy();
      else send(response, 502, { message: causes(thrown) });
    });
  });
}

async function answer(
  settings: Settings,
  provisioned: Provisioned,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
  if (pathname !== settings.prefix && !pathname.startsWith(`${settings.prefix}/`)) {
    response.writeHead(301, { location: `${settings.prefix}/` }).end();
    return;
  }
  const path = pathname.slice(settings.prefix.length);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, { message: 'this stand-in answers GET only' });
  } else if (path === '/api/health') {
    send(response, 200, { database: 'ok', version: 'stand-in' });
  } else if (!path.startsWith('/api/')) {
    send(response, 200, { message: 'This stands in for Grafana in the tests. Its API is there, but no page.' });
  } else if (!isAdmin(settings, request)) {
    response.setHeader('www-authenticate', 'Basic realm="Grafana"');
    send(response, 401, { message: 'Unauthorized' });
  } else {
    await answerAdmin(provisioned, path, search, response);
  }
}

async function answerAdmin(
  { dashboards, dataSources }: Provisioned,
  path: string,
  search: string,
  response: ServerResponse,
): Promise<void> {
  const [, , section = '', kind = '', by = '', uid = '', ...rest] = path.split('/');
  if (path === '/api/search') {
    send(
      response,
      200,
      dashboards.map((one) => ({ uid: one.uid, title: one.title, type: 'dash-db' })),
    );
  } else if (path === '/api/datasources') {
    send(response, 200, dataSources);
  } else if (section === 'dashboards' && kind === 'uid') {
    const dashboard = dashboards.find((one) => one.uid === by);
    if (dashboard === undefined) send(response, 404, { message: 'Dashboard not found' });
    else send(response, 200, { dashboard: dashboard.model, meta: { provisioned: true } });
  } else if (section === 'datasources' && kind === 'proxy' && by === 'uid') {
    const source = dataSources.find((one) => one.uid === uid);
    if (source === undefined) send(response, 404, { message: 'Unable to find datasource' });
    else await relay(`${source.url.replace(/\/+$/, '')}/${rest.join('/')}${search}`, response);
  } else {
    send(response, 404, { message: 'Not found' });
  }
}

async function relay(url: string, response: ServerResponse): Promise<void> {
  const upstream = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  response.writeHead(upstream.status, { 'content-type': upstream.headers.get('content-type') ?? 'text/plain' });
  if (upstream.body === null) response.end();
  else await pipeline(Readable.fromWeb(upstream.body), response);
}

function isAdmin({ user, password }: Settings, request: IncomingMessage): boolean {
  const wanted = Buffer.from(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);
  const given = Buffer.from(request.headers.authorization ?? '');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** fetch tells only in the cause of its error what went wrong. */
function causes(thrown: unknown): string {
  if (!Error.isError(thrown)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${causes(thrown.cause)}`;
}
