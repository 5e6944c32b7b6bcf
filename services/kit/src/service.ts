import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { type Clock, systemClock } from './clock.ts';
import type { BaseConfig } from './config.ts';
import { measureEventLoop, SLEEPING_MONITOR } from './event-loop.ts';
import type { Logger } from './log.ts';
import { withTrace } from './trace.ts';

/** What the kit lends to a service. */
export interface Runtime {
  readonly log: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly health: Health;
}

export interface Health {
  /** Fires when the process was told to stop; readiness is false from then on. */
  readonly stopping: AbortSignal;
}

/** A service that was made. The kit listens for it and ends it. */
export interface App extends AsyncDisposable {
  /** Port 8080. */
  readonly public?: RequestListener;
  /** Port 8081. */
  readonly internal?: RequestListener;
  /** WebSocket upgrades on the public port. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Must not depend on a store: one store's outage would take every replica out of service. */
  ready(): boolean;
  /** Ends what lives long, such as WebSocket sessions, before the ports close. */
  drain?(): Promise<void>;
}

export interface StartedService extends AsyncDisposable {
  /** Empty where the service has no such port. */
  readonly publicUrl: string;
  readonly internalUrl: string;
  readonly telemetryUrl: string;
  /** Readiness turns false; everything else goes on. */
  stopping(): void;
}

/** How long requests under way may take once the ports are closed. */
const REQUEST_GRACE_MS = 10_000;
/** Longer than routers keep idle connections, so that it is never us who closes one that is about to be used. */
const KEEP_ALIVE_MS = 95_000;

/** A pause of the collector matters from here on. */
const GC_BUCKETS = [0.01, 0.1];

/** Makes the service and listens on its ports. */
export async function startRuntime(
  config: BaseConfig,
  log: Logger,
  create: (runtime: Runtime) => Promise<App>,
): Promise<StartedService> {
  const stopping = new AbortController();
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics, gcDurationBuckets: GC_BUCKETS, ...SLEEPING_MONITOR });
  const eventLoop = measureEventLoop(metrics);
  const app = await create({ log, metrics, clock: systemClock, health: { stopping: stopping.signal } });

  const servers: Server[] = [];
  const open = async (listener: RequestListener | undefined, port: number): Promise<string> => {
    if (!listener) return '';
    const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      // Clients that keep connections find another replica in time.
      if (stopping.signal.aborted) response.setHeader('Connection', 'close');
      listener(request, response);
    });
    const { upgrade } = app;
    if (listener === app.public && upgrade) {
      server.on('upgrade', (request, socket, head) =>
        withTrace(request.headers, () => upgrade.call(app, request, socket, head)),
      );
    }
    servers.push(server);
    return listen(server, port, config.HOST);
  };
  const dispose = async (): Promise<void> => {
    stopping.abort();
    await app.drain?.();
    await Promise.all(servers.map((server) => close(server)));
    await app[Symbol.asyncDispose]();
    eventLoop[Symbol.dispose]();
    metrics.clear();
  };
  try {
    const telemetry = telemetryListener(metrics, () => !stopping.signal.aborted && app.ready());
    return {
      publicUrl: await open(app.public, config.PORT),
      internalUrl: await open(app.internal, config.INTERNAL_PORT),
      telemetryUrl: await open(telemetry, config.TELEMETRY_PORT),
      stopping: () => stopping.abort(),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function telemetryListener(metrics: Registry, ready: () => boolean): RequestListener {
  const text = (status: number, body: string) => ({ status, type: 'text/plain; charset=utf-8', body });
  const answer = async (path: string | undefined) => {
    if (path === '/healthz') return text(200, 'ok\n');
    if (path === '/readyz') return ready() ? text(200, 'ok\n') : text(503, 'not ready\n');
    if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
    return text(404, 'not found\n');
  };
  return (request, response) => {
    void answer(request.url?.split('?', 1)[0])
      .catch(() => text(500, 'metrics failed\n'))
      .then(({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body));
  };
}

async function listen(server: Server, port: number, host: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.listen(port, host, () => resolve(undefined));
  await promise;
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${name}:${address.port}`;
}

async function close(server: Server): Promise<void> {
  const { promise: done, resolve } = Promise.withResolvers<undefined>();
  server.close(() => resolve(undefined));
  // A connection that becomes idle only now would be kept for the next request.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const grace = setTimeout(() => {
    server.closeAllConnections();
    // An upgraded socket that the service did not end is not the server's to close.
    resolve(undefined);
  }, REQUEST_GRACE_MS);
  await done;
  clearInterval(sweep);
  clearTimeout(grace);
}
