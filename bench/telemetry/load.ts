import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';

interface Frame {
  readonly type: string;
  readonly version?: number;
  readonly content?: string;
  readonly operations?: readonly { readonly clientId: string }[];
}

/**
 * One of those who type into the hot document: each edit inserts one character, so a version and a length are all that it needs
 * to know of the text.
 */
export class Typist {
  deliveries = 0;
  acknowledged = 0;
  version = -1;
  #length = 0;
  #waits = false;
  #count = 0;
  readonly #id: string;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket, id: string) {
    this.#socket = socket;
    this.#id = id;
    socket.on('message', (data: Buffer) => this.#receive(JSON.parse(data.toString('utf8')) as Frame));
  }

  static async join(url: string, token: string, id: string): Promise<Typist> {
    const socket = new WebSocket(`${url}?client=${id}`, ['collab.v1', `bearer.${token}`], { perMessageDeflate: false });
    const typist = new Typist(socket, id);
    await new Promise<void>((resolve, reject) => {
      socket.once('message', () => resolve());
      socket.once('error', reject);
      socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
    });
    return typist;
  }

  /** Inserts at random positions until `signal` is aborted. */
  async type(everyMs: number, signal: AbortSignal): Promise<void> {
    await delay(Math.random() * everyMs);
    while (!signal.aborted) {
      // One frame at a time is the protocol's rule; a late answer skips a beat.
      if (!this.#waits) this.#insert();
      await delay(everyMs);
    }
  }

  close(): void {
    this.#socket.close();
  }

  #insert(): void {
    const at = Math.floor(Math.random() * (this.#length + 1));
    const changes = [...(at > 0 ? [at] : []), [0, 'x'], ...(at < this.#length ? [this.#length - at] : [])];
    this.#waits = true;
    this.#count += 1;
    const edits = [{ id: `${this.#id}-${this.#count}`, changes }];
    this.#socket.send(JSON.stringify({ type: 'edits', version: this.version, edits }));
  }

  #receive({ type, version = -1, content = '', operations = [] }: Frame): void {
    if (type === 'initial_state') {
      this.version = version;
      this.#length = content.length;
    } else if (type === 'operations') {
      this.version = version + operations.length;
      this.#length += operations.length;
      this.deliveries += operations.length;
      if (operations.some(({ clientId }) => clientId === this.#id)) {
        this.#waits = false;
        this.acknowledged += 1;
      }
    } else if (type === 'error' || type === 'out_of_sync') {
      throw new Error(`the load was refused: ${type}`);
    }
  }
}
