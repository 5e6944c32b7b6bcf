import { randomUUID } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { CLOSE, MAX_FRAME_BYTES, problems } from '@collabeditor/contracts';
import { type Clock, type Logger, Problem, unavailable, type Verifier } from '@collabeditor/kit';
import { type WebSocket, WebSocketServer } from 'ws';
import { Client, type Socket } from './client.ts';
import { answerOf, type Knock, parseKnock } from './knock.ts';
import type { Metrics } from './metrics.ts';
import type { Rights, Watch } from './rights.ts';
import type { Shell } from './shell.ts';

const BEAT_MS = 5_000;
const PING_EVERY_MS = 30_000;
const DEAD_AFTER_MS = 60_000;
const RETRY_AFTER_SECONDS = 2;
/** Longest that a session which moves away waits for the answers to what it has sent. */
const ANSWERED_WITHIN_MS = 3_000;

export interface GatewayPorts {
  readonly shell: Shell;
  readonly rights: Rights;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly maxConnections: number;
  readonly drainSeconds: number;
}

export interface Gateway extends AsyncDisposable {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  connections(): number;
  /** Refuses upgrades and moves all sessions away over the drain window. */
  drain(): Promise<void>;
}

interface Open {
  readonly client: Client;
  readonly ws: WebSocket;
  seenAt: number;
  pingedAt: number;
}

/** Turns upgrades into sessions. What can be refused is refused before the upgrade, where the client can read why. */
export function createGateway(ports: GatewayPorts): Gateway {
  const { shell, rights, verifier, clock, log } = ports;
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: (offered) => answerOf(offered) ?? false,
  });
  const open = new Map<string, Open>();
  let arriving = 0;
  let draining = false;

  const admit = async (request: IncomingMessage, socket: Duplex, head: Buffer, knock: Knock): Promise<void> => {
    const caller = await identify(verifier, knock);
    const sessionId = randomUUID();
    const close = (code: number, reason: string): void => open.get(sessionId)?.client.close(code, reason);
    const watch = rights.watch(knock.documentId, caller.userId, {
      changed: (role) => shell.dispatch(knock.documentId, { type: 'role', sessionId, role }),
      revoked: () => close(CLOSE.revoked, 'revoked'),
      deleted: () => close(CLOSE.notFound, 'deleted'),
    });
    try {
      const role = await watch.ask(caller);
      const fresh = await shell.prepare(knock.documentId);
      if (socket.destroyed) { watch.end(); return; }
      const ws = await accept(server, request, socket, head);
      const client = new Client({ ...knock, sessionId, caller }, socketOf(ws, socket), ports);
      const entry = { client, ws, seenAt: clock.now(), pingedAt: clock.now() };
      open.set(sessionId, entry);
      serve(entry, sessionId, watch);
      const { clientId, dialect, resume } = knock;
      const session = { id: sessionId, userId: caller.userId, name: caller.name, clientId, dialect, role, resume };
      await shell.join(knock.documentId, session, client, fresh);
    } catch (error) {
      if (!open.has(sessionId)) watch.end();
      throw error;
    }
  };

  const serve = (entry: Open, sessionId: string, watch: Watch): void => {
    const { ws, client } = entry;
    ws.on('message', (data: Buffer, isBinary) => {
      entry.seenAt = clock.now();
      client.receive(data, isBinary);
    });
    ws.on('pong', () => void (entry.seenAt = clock.now()));
    // Broken frames and resets; 'close' follows.
    ws.on('error', (error) => log.debug({ err: error }, 'a socket failed'));
    ws.once('close', () => {
      open.delete(sessionId);
      watch.end();
      client.gone();
    });
  };

  const beat = setInterval(() => {
    const now = clock.now();
    for (const entry of open.values()) {
      if (now - entry.seenAt > DEAD_AFTER_MS) entry.ws.terminate();
      else if (now - entry.pingedAt >= PING_EVERY_MS && entry.ws.readyState === entry.ws.OPEN) {
        entry.pingedAt = now;
        entry.ws.ping();
      }
    }
  }, BEAT_MS);
  beat.unref();

  return {
    connections: () => open.size,
    upgrade(request, socket, head) {
      // A client that goes away in the middle of it.
      socket.on('error', () => socket.destroy());
      const knock = parseKnock(request);
      if (knock instanceof Problem) { refuse(socket, knock); return; }
      const isFull = draining || open.size + arriving >= ports.maxConnections;
      arriving++;
      const admitted = isFull ? Promise.reject(full(draining)) : admit(request, socket, head, knock);
      admitted
        .catch((error: unknown) => {
          const problem = error instanceof Problem ? error : internal(log, error);
          return knock.dialect === 'v1' ? closeAfterUpgrade(server, request, socket, head, problem) : refuse(socket, problem);
        })
        .catch((error: unknown) => {
          log.debug({ err: error }, 'an upgrade failed');
          socket.destroy();
        })
        .finally(() => arriving--);
    },
    async drain() {
      draining = true;
      const clients = [...open.values()].map(({ client }) => client);
      const step = (ports.drainSeconds * 1000) / Math.max(1, clients.length);
      await Promise.all(
        clients.map(async (client, index) => {
          await delay(index * step);
          await client.moveAway(Math.round(Math.random() * 1_000), () => answered(shell, client));
        }),
      );
      for (let wait = 0; open.size > 0 && wait < 2_000; wait += 20) await delay(20);
      for (const { ws } of open.values()) ws.terminate();
    },
    async [Symbol.asyncDispose]() {
      clearInterval(beat);
      for (const { ws } of open.values()) ws.terminate();
    },
  };
}

async function identify(verifier: Verifier, { token, documentId }: Knock): ReturnType<Verifier['verify']> {
  if (token === null) throw new Problem('unauthenticated', 'An access token is needed');
  const caller = await verifier.verify(token);
  if (documentId === '') throw new Problem('not_found');
  return caller;
}

function accept(server: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  socket.once('close', () => reject(new Error('the socket closed during the upgrade')));
  server.handleUpgrade(request, socket, head, resolve);
  return promise;
}

/** Browsers can't read why an upgrade was refused, so the client library is told by a close code. */
async function closeAfterUpgrade(server: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer, problem: Problem): Promise<void> {
  if (socket.destroyed) return;
  const ws = await accept(server, request, socket, head);
  const code = problem.status === 401 ? CLOSE.unauthenticated : problem.status === 404 ? CLOSE.notFound : CLOSE.full;
  ws.on('error', () => ws.terminate());
  ws.close(code, problem.code);
}

function refuse(socket: Duplex, problem: Problem): void {
  if (socket.destroyed) return;
  const body = JSON.stringify(problem);
  const headers = {
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...problem.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`, ...lines, '', body].join('\r\n'));
}

function full(draining: boolean): Problem {
  const detail = draining ? 'This replica is stopping' : 'This replica has as many connections as it may';
  return new Problem('unavailable', detail, { headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } });
}

function internal(log: Logger, error: unknown): Problem {
  log.error({ err: error }, 'an upgrade failed');
  return unavailable(problems.unavailable.title, error);
}

async function answered(shell: Shell, { documentId, sessionId }: Client): Promise<void> {
  for (let waited = 0; waited < ANSWERED_WITHIN_MS && shell.owes(documentId, sessionId); waited += 10) await delay(10);
}

function socketOf(ws: WebSocket, stream: Duplex): Socket {
  const probes = new Map<string, () => void>();
  let count = 0;
  ws.on('pong', (data: Buffer) => {
    const name = data.toString();
    probes.get(name)?.();
    probes.delete(name);
  });
  return {
    send: (data) => {
      if (ws.readyState === ws.OPEN) ws.send(data, { binary: false });
    },
    ping: (then) => {
      if (ws.readyState !== ws.OPEN) return;
      const name = String(++count);
      probes.set(name, then);
      // One packet with what follows: whoever answers the ping has the next frame before his eyes.
      stream.cork();
      setImmediate(() => stream.uncork());
      ws.ping(name);
    },
    close: (code, reason) => ws.close(code, reason),
    terminate: () => ws.terminate(),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    buffered: () => ws.bufferedAmount,
  };
}
