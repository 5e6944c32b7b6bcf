import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Registry } from 'prom-client';
import type { Address } from './address.ts';

/** A server that listens. */
export interface Served extends AsyncDisposable {
  port: number;
}

/** What the health endpoints say. */
export interface Health {
  /** The caches are filled. */
  ready: () => boolean;
  /** Something is wrong that only a restart can put right. */
  alive: () => boolean;
}

/** Serves `/metrics`. */
export function serveMetrics(address: Address, registry: Registry): Promise<Served> {
  return serve(address, (request, response) => {
    if (pathOf(request.url) !== '/metrics') return void response.writeHead(404).end();
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
}

/** Serves `/healthz` and `/readyz`. */
export function serveHealth(address: Address, health: Health): Promise<Served> {
  return serve(address, (request, response) => {
    const path = pathOf(request.url);
    if (path !== '/healthz' && path !== '/readyz') return void response.writeHead(404).end();
    const good = path === '/healthz' ? health.alive() : health.ready();
    response.writeHead(good ? 200 : 503, { 'content-type': 'text/plain' }).end(good ? 'ok\n' : 'not yet\n');
  });
}

async function serve(address: Address, listener: RequestListener): Promise<Served> {
  const server = createServer(listener);
  server.listen(address.port, address.host);
  await once(server, 'listening');
  return {
    port: portOf(server.address()),
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  return address === null || typeof address === 'string' ? 0 : address.port;
}

function pathOf(url: string | undefined): string {
  return (url ?? '/').split('?')[0] ?? '/';
}
