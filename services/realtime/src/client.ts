import { CLOSE, type FrameErrorCode } from '@collabeditor/contracts';
import { type Caller, type Clock, isOutage, Problem, type Verifier } from '@collabeditor/kit';
import { decode } from './decode.ts';
import * as frames from './engine/frames.ts';
import { createRateLimit, meter } from './engine/limits.ts';
import type { Metrics } from './metrics.ts';
import type { Connection } from './ports.ts';
import type { Shell } from './shell.ts';

/** A socket that holds more than this gets nothing more until it has drained. */
const HIGH_WATER = 1024 * 1024;
const LOW_WATER = 64 * 1024;
const TOO_SLOW_MS = 30_000;
const DRAIN_CHECK_MS = 50;
const EXPIRY_NOTICE_MS = 60_000;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** What a client needs of its socket. */
export interface Socket {
  /** Answers whether it was taken: a socket that closes takes nothing. */
  send(data: Buffer): boolean;
  /** A ping whose pong calls `then`, sent so that it reaches the peer just before what is sent next. */
  ping(then: () => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  buffered(): number;
}

export interface ClientPorts {
  readonly shell: Shell;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** One connection of a client: its frames in, its frames out, its token, its limits. */
export class Client implements Connection {
  readonly documentId: string;
  readonly sessionId: string;
  readonly dialect: frames.Dialect;
  readonly #ports: ClientPorts;
  readonly #socket: Socket;
  readonly #rate;
  #caller: Caller;
  #expiry: NodeJS.Timeout[] = [];
  #lagCheck: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(
    about: {
      readonly documentId: string;
      readonly sessionId: string;
      readonly dialect: frames.Dialect;
      readonly caller: Caller;
    },
    socket: Socket,
    ports: ClientPorts,
  ) {
    this.documentId = about.documentId;
    this.sessionId = about.sessionId;
    this.dialect = about.dialect;
    this.#caller = about.caller;
    this.#socket = socket;
    this.#ports = ports;
    this.#rate = createRateLimit(ports.clock.now());
    this.#scheduleExpiry();
  }

  /** A frame has come. */
  receive(data: Buffer, isBinary: boolean): void {
    const { shell, clock } = this.#ports;
    if (this.#closed) return;
    const verdict = meter(this.#rate, clock.now());
    if (verdict === 'close') return this.close(CLOSE.rateLimited, 'rate limited');
    if (verdict === 'refuse') return this.#refuse('rate_limited', 'too many frames', null);
    if (isBinary) return this.#refuse('invalid_frame', 'frames are text', null);
    const decoded = decode(this.dialect, data.toString());
    switch (decoded.type) {
      case 'refused':
        return this.#refuse(decoded.code, decoded.message, decoded.id);
      case 'auth':
        return void this.#renew(decoded.token);
      case 'request':
        return shell.dispatch(this.documentId, { type: 'frame', sessionId: this.sessionId, request: decoded.request });
    }
  }

  send(frame: Buffer): void {
    if (this.#closed) return;
    if (this.#socket.send(frame)) this.#ports.metrics.frameSent();
    if (!this.#lagCheck && this.#socket.buffered() > HIGH_WATER) this.#fallBehind();
  }

  probe(): void {
    this.#socket.ping(() => this.#whenDrained(() => this.#dispatch({ type: 'read', sessionId: this.sessionId })));
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.resume();
    this.#socket.close(code, reason);
    this.#stopTimers();
  }

  /** The socket is gone. */
  gone(): void {
    this.#closed = true;
    this.#stopTimers();
    this.#ports.shell.leave(this.documentId, this.sessionId);
  }

  /** Moves the session to another replica once what it has sent is answered. */
  async moveAway(afterMs: number, answered: () => Promise<void>): Promise<void> {
    if (this.#closed) return;
    this.#socket.pause();
    await answered();
    this.#tell(frames.reconnect(afterMs));
    this.close(CLOSE.draining, 'draining');
  }

  #tell(frame: frames.Frame): void {
    this.send(Buffer.from(frame));
  }

  /** Answers a frame that asks for nothing that could be done. A presence that is too large is no edit. */
  #refuse(code: FrameErrorCode, message: string, id: string | null): void {
    this.#tell(frames.error(code, message, id));
    if (code !== 'too_large') this.#ports.metrics.edits(code, 1);
  }

  #dispatch(event: Parameters<Shell['dispatch']>[1]): void {
    this.#ports.shell.dispatch(this.documentId, event);
  }

  /** Stops sending to, and reading from, a client that does not read. */
  #fallBehind(): void {
    const since = this.#ports.clock.now();
    this.#ports.metrics.slowClient();
    this.#socket.pause();
    this.#dispatch({ type: 'lagging', sessionId: this.sessionId, lagging: true });
    this.#lagCheck = setInterval(() => {
      if (this.#socket.buffered() <= LOW_WATER) {
        this.#stopLagCheck();
        this.#socket.resume();
        this.#dispatch({ type: 'lagging', sessionId: this.sessionId, lagging: false });
      } else if (this.#ports.clock.now() - since > TOO_SLOW_MS) {
        this.close(CLOSE.tooSlow, 'too slow');
        // It does not read, so it will not read the close frame either.
        setTimeout(() => this.#socket.terminate(), 1_000).unref();
      }
    }, DRAIN_CHECK_MS);
  }

  #whenDrained(then: () => void): void {
    if (this.#closed) return;
    if (this.#socket.buffered() === 0) return then();
    setTimeout(() => this.#whenDrained(then), DRAIN_CHECK_MS).unref();
  }

  async #renew(token: string): Promise<void> {
    try {
      const caller = await this.#ports.verifier.verify(token);
      if (caller.userId !== this.#caller.userId) {
        this.close(CLOSE.unauthenticated, 'another user');
        return;
      }
      this.#caller = caller;
      this.#scheduleExpiry();
    } catch (error) {
      const isAway = (error instanceof Problem && error.code === 'unavailable') || isOutage(error);
      this.#tell(
        isAway
          ? frames.error('unavailable', 'the token can not be checked')
          : frames.error('invalid_token', 'the token is not valid'),
      );
    }
  }

  #scheduleExpiry(): void {
    this.#stopExpiry();
    const left = this.#caller.expiresAt - this.#ports.clock.now();
    const notice = (): void => this.#tell(frames.authExpiring(new Date(this.#caller.expiresAt)));
    const at = (ms: number, then: () => void): NodeJS.Timeout =>
      setTimeout(then, Math.min(Math.max(0, ms), LONGEST_TIMEOUT_MS)).unref();
    this.#expiry = [
      at(left - EXPIRY_NOTICE_MS, notice),
      at(left, () => this.close(CLOSE.unauthenticated, 'token expired')),
    ];
  }

  #stopTimers(): void {
    this.#stopExpiry();
    this.#stopLagCheck();
  }

  #stopExpiry(): void {
    for (const timer of this.#expiry) clearTimeout(timer);
    this.#expiry = [];
  }

  #stopLagCheck(): void {
    if (this.#lagCheck) clearInterval(this.#lagCheck);
    this.#lagCheck = null;
  }
}
