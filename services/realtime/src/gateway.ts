import { randomUUID } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { CLOSE, MAX_FRAME_BYTES, problems } from '@collabeditor/contracts';
import {
  type Clock,
  inTrace,
  type Logger,
  type OpenSpan,
  openSpan,
  Problem,
  type SpanOptions,
  unavailable,
  type Verifier,
} from '@collabeditor/kit';
import { type WebSocket, WebSocketServer } from 'ws';
import { Client, type Socket } from './client.ts';
import { answerOf, type Knock, parseKnock } from './knock.ts';
import type { Metrics, UpgradeRoute } from './metrics.ts';
import type { Rights, Watch } from './rights.ts';
import type { Shell } from './shell.ts';

const BEAT_MS = 5_000;
const PING_EVERY_MS = 30_000;
const DEAD_AFTER_MS = 60_000;
const RETRY_AFTER_SECONDS = 2;
/** Longest that a session which moves away waits for the answers to what it has sent. */
const ANSWERED_WITHIN_MS = 3_000;
/** Over how long the clients of a replica that stops come back, and how long their sockets may take to close. */
const RECONNECT_WITHIN_MS = 1_000;
const CLOSED_WITHIN_MS = 2_000;

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

interface Open {
  readonly client: Client;
  readonly ws: WebSocket;
  seenAt: number;
  pingedAt: number;
}

const SWITCHED = 101;

/** How an upgrade was answered. */
interface UpgradeAnswer {
  readonly route: UpgradeRoute;
  /** The status on the wire. */
  readonly sent: number;
  /** What it means: a refusal that is told after the upgrade counts as the refusal that it is. */
  readonly status: number;
}

const ADMITTED: UpgradeAnswer = { route: '/ws/doc/{id}', sent: SWITCHED, status: SWITCHED };

const UPGRADE: SpanOptions = {
  name: 'GET /ws/doc/{id}',
  kind: 'server',
  attributes: { 'http.request.method': 'GET', 'http.route': '/ws/doc/{id}', 'url.scheme': 'http' },
};

function endUpgrade(span: OpenSpan, status: number | null): void {
  if (status !== null) span.set({ 'http.response.status_code': status });
  if (status === null || status >= 500) span.fail(String(status ?? 'cut_off'));
  span.end();
}

/** Turns upgrades into sessions. What can be refused is refused before the upgrade, where the client can read why. */
export class Gateway implements AsyncDisposable {
  readonly #ports: GatewayPorts;
  readonly #open = new Map<string, Open>();
  readonly #beat: NodeJS.Timeout;
  #arriving = 0;
  #draining = false;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: (offered) => answerOf(offered) ?? false,
  });

  constructor(ports: GatewayPorts) {
    this.#ports = ports;
    this.#beat = setInterval(() => this.#ping(), BEAT_MS).unref();
  }

  get connections(): number {
    return this.#open.size;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A client that goes away in the middle of it.
    socket.on('error', () => socket.destroy());
    const begun = performance.now();
    const span = openSpan(UPGRADE);
    void span.run(async () => {
      const answer = await this.#answer(request, socket, head);
      endUpgrade(span, answer?.sent ?? null);
      if (answer) this.#ports.metrics.upgrade(answer.route, answer.status, (performance.now() - begun) / 1000);
    });
  }

  /** Lets a client in or not; answers null where it went away before. */
  async #answer(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<UpgradeAnswer | null> {
    const { log, maxConnections } = this.#ports;
    const knock = parseKnock(request);
    if (knock instanceof Problem) {
      // Nothing but a wrong address is not found this early.
      return answerWith(refuse(socket, knock), knock, knock.code === 'not_found' ? 'unmatched' : '/ws/doc/{id}');
    }
    const isFull = this.#draining || this.#open.size + this.#arriving >= maxConnections;
    this.#arriving++;
    const admitted = isFull ? Promise.reject(full(this.#draining)) : this.#admit(request, socket, head, knock);
    return admitted
      .catch(async (error: unknown) => {
        const problem = error instanceof Problem ? error : internal(log, error);
        const refusal =
          knock.dialect === 'v1'
            ? closeAfterUpgrade(this.#server, request, socket, head, problem)
            : refuse(socket, problem);
        return answerWith(await refusal, problem);
      })
      .catch((error: unknown) => {
        log.debug({ event: 'upgrade_cut_off', err: error }, 'An upgrade ended before it was answered');
        socket.destroy();
        return null;
      })
      .finally(() => this.#arriving--);
  }

  /** Refuses upgrades from now on and moves all sessions away over the drain window. */
  async drain(): Promise<void> {
    const { shell, drainSeconds } = this.#ports;
    this.#draining = true;
    const clients = [...this.#open.values()].map(({ client }) => client);
    const step = (drainSeconds * 1000) / Math.max(1, clients.length);
    await Promise.all(
      clients.map(async (client, index) => {
        await delay(index * step);
        await client.moveAway(Math.round(Math.random() * RECONNECT_WITHIN_MS), () => answered(shell, client));
      }),
    );
    for (let waited = 0; this.#open.size > 0 && waited < CLOSED_WITHIN_MS; waited += 20) await delay(20);
    for (const { ws } of this.#open.values()) ws.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beat);
    for (const { ws } of this.#open.values()) ws.terminate();
  }

  async #admit(request: IncomingMessage, socket: Duplex, head: Buffer, knock: Knock): Promise<UpgradeAnswer> {
    const { shell, verifier, clock } = this.#ports;
    const { documentId, clientId, dialect, resume } = knock;
    const caller = await identify(verifier, knock);
    const sessionId = randomUUID();
    // Watched before the role is asked for, so that no change of it can fall between.
    const watch = this.#watch(documentId, caller.userId, sessionId);
    try {
      const role = await watch.ask(caller);
      const fresh = await shell.prepare(documentId);
      const ws = await accept(this.#server, request, socket, head);
      const client = new Client({ documentId, sessionId, dialect, caller }, socketOf(ws, socket), this.#ports);
      const now = clock.now();
      this.#serve({ client, ws, seenAt: now, pingedAt: now }, watch);
      await shell.join(
        documentId,
        { id: sessionId, userId: caller.userId, name: caller.name, clientId, dialect, role, resume },
        client,
        fresh,
      );
      if (ws.readyState === ws.CLOSED) client.gone();
      return ADMITTED;
    } finally {
      if (!this.#open.has(sessionId)) watch.end();
    }
  }

  #watch(documentId: string, userId: string, sessionId: string): Watch {
    const { shell, rights } = this.#ports;
    const close = (code: number, reason: string): void => this.#open.get(sessionId)?.client.close(code, reason);
    return rights.watch(documentId, userId, {
      changed: (role) => shell.dispatch(documentId, { type: 'role', sessionId, role }),
      revoked: () => close(CLOSE.revoked, 'revoked'),
      deleted: () => close(CLOSE.notFound, 'deleted'),
    });
  }

  #serve(entry: Open, watch: Watch): void {
    const { clock, log } = this.#ports;
    const { ws, client } = entry;
    this.#open.set(client.sessionId, entry);
    // A session belongs to the trace of its upgrade.
    const receive = inTrace((data: Buffer, isBinary: boolean) => client.receive(data, isBinary));
    ws.on('message', (data: Buffer, isBinary) => {
      entry.seenAt = clock.now();
      receive(data, isBinary);
    });
    ws.on('pong', () => void (entry.seenAt = clock.now()));
    // Broken frames and resets; 'close' follows.
    ws.on(
      'error',
      inTrace((error: Error) => log.debug({ event: 'socket_failed', err: error }, 'A socket failed')),
    );
    const gone = inTrace(() => client.gone());
    ws.once('close', () => {
      this.#open.delete(client.sessionId);
      watch.end();
      gone();
    });
  }

  #ping(): void {
    const now = this.#ports.clock.now();
    for (const entry of this.#open.values()) {
      if (now - entry.seenAt > DEAD_AFTER_MS) entry.ws.terminate();
      else if (now - entry.pingedAt >= PING_EVERY_MS && entry.ws.readyState === entry.ws.OPEN) {
        entry.pingedAt = now;
        entry.ws.ping();
      }
    }
  }
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
async function closeAfterUpgrade(
  server: WebSocketServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  problem: Problem,
): Promise<number | null> {
  if (socket.destroyed) return null;
  const ws = await accept(server, request, socket, head);
  const code = problem.status === 401 ? CLOSE.unauthenticated : problem.status === 404 ? CLOSE.notFound : CLOSE.full;
  ws.on('error', () => ws.terminate());
  ws.close(code, problem.code);
  return SWITCHED;
}

function refuse(socket: Duplex, problem: Problem): number | null {
  if (socket.destroyed) return null;
  const body = JSON.stringify(problem);
  const headers = {
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...problem.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`, ...lines, '', body].join('\r\n'));
  return problem.status;
}

function answerWith(
  sent: number | null,
  { status }: Problem,
  route: UpgradeRoute = '/ws/doc/{id}',
): UpgradeAnswer | null {
  return sent === null ? null : { route, sent, status };
}

function full(draining: boolean): Problem {
  const detail = draining ? 'This replica is stopping' : 'This replica has as many connections as it may';
  return new Problem('unavailable', detail, { headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } });
}

function internal(log: Logger, error: unknown): Problem {
  log.error({ event: 'upgrade_failed', err: error }, 'An upgrade failed');
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
      const isOpen = ws.readyState === ws.OPEN;
      if (isOpen) ws.send(data, { binary: false });
      return isOpen;
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
