import { strict as assert } from 'node:assert';
import WebSocket from 'ws';
import { applyEdit, type Edit } from './model.ts';

export type Outcome =
  | { readonly kind: 'ack'; readonly version: number; readonly duplicate: boolean }
  | { readonly kind: 'out_of_sync' }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'lost' };

interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly version?: number;
  readonly content?: string;
  readonly duplicate?: boolean;
  readonly code?: string;
  readonly op?: {
    readonly type: 'insert' | 'delete';
    readonly pos: number;
    readonly text?: string;
    readonly len?: number;
    readonly version: number;
    readonly more?: boolean;
  };
}

export interface SessionOptions {
  readonly baseUrl: string;
  readonly documentId: string;
  readonly token: string;
  readonly clientId: string;
}

/**
 * One connection of the plain dialect, with the text as its frames tell it: `initial_state` and `out_of_sync` set it,
 * `operation` and the author's own `ack` move it. Nothing of the service's code is used.
 */
export class PlainSession {
  text = '';
  version = -1;
  readonly closed: Promise<{ code: number }>;
  rejections = 0;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, { edit: Edit | undefined; resolve: (outcome: Outcome) => void }>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', (code) => {
        for (const { resolve: settle } of this.#waiting.values()) settle({ kind: 'lost' });
        this.#waiting.clear();
        resolve({ code });
      });
    });
    socket.on('message', (data: Buffer) => this.#receive(JSON.parse(data.toString('utf8')) as Frame));
  }

  static async open({ baseUrl, documentId, token, clientId }: SessionOptions): Promise<PlainSession> {
    const url = new URL(`/ws/doc/${documentId}?client=${clientId}`, baseUrl.replace(/^http/, 'ws'));
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, handshakeTimeout: 5_000 });
    const session = new PlainSession(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('message', () => resolve());
      socket.once('error', reject);
      socket.once('close', (code) => reject(new Error(`closed with ${code} before the first frame`)));
    });
    socket.on('error', () => undefined); // the close that follows settles what waits
    return session;
  }

  /** Sends one frame with an id; settles with its answer, or `lost` when the connection ends first; rejects after a minute without. */
  send(id: string, frame: Readonly<Record<string, unknown>>, edit?: Edit): Promise<Outcome> {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.resolve({ kind: 'lost' });
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`no answer to the ${String(frame['type'])} ${id} in a minute`)),
        60_000,
      );
      const settle = (outcome: Outcome): void => {
        clearTimeout(late);
        resolve(outcome);
      };
      this.#waiting.set(id, { edit, resolve: settle });
      this.#socket.send(JSON.stringify({ ...frame, id }));
    });
  }

  edit(id: string, edit: Edit, version = this.version): Promise<Outcome> {
    return this.send(id, { ...edit, version }, edit);
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.closed;
  }

  #receive(frame: Frame): void {
    switch (frame.type) {
      case 'initial_state':
        this.#adopt(frame);
        return;
      case 'operation': {
        assert.ok(frame.op);
        const { type, pos, text = '', len = 0, version, more } = frame.op;
        this.text = applyEdit(this.text, type === 'insert' ? { type, pos, text } : { type, pos, len });
        if (more !== true) this.version = version;
        return;
      }
      case 'ack':
        this.#acknowledge(frame);
        return;
      case 'out_of_sync':
        this.rejections += 1;
        if (frame.content !== undefined) this.#adopt(frame);
        this.#settle(frame.id, { kind: 'out_of_sync' });
        return;
      case 'error':
        // A frame over the rate is refused unread, so its error has no id: it is about whatever waits.
        for (const id of frame.id === undefined ? [...this.#waiting.keys()] : [frame.id]) {
          this.#settle(id, { kind: 'error', code: frame.code ?? '' });
        }
        return;
      default: // presence, peers, role: nothing that moves the text
    }
  }

  #acknowledge({ id, version = -1, duplicate = false }: Frame): void {
    const edit = id === undefined ? undefined : this.#waiting.get(id)?.edit;
    if (!duplicate) {
      if (edit) this.text = applyEdit(this.text, edit);
      assert.ok(version >= this.version, `ack went back from ${this.version} to ${version}`);
      this.version = version;
    }
    this.#settle(id, { kind: 'ack', version, duplicate });
  }

  #adopt({ content = '', version = -1 }: Frame): void {
    assert.ok(version >= this.version, `versions went back from ${this.version} to ${version}`);
    this.text = content;
    this.version = version;
  }

  #settle(id: string | undefined, outcome: Outcome): void {
    if (id === undefined) return;
    this.#waiting.get(id)?.resolve(outcome);
    this.#waiting.delete(id);
  }
}
