import { setTimeout as delay } from 'node:timers/promises';
import { PlainSession, type SessionOptions } from './plain-session.ts';
import type { Acknowledged, Edit } from './model.ts';
import { until } from './wait.ts';

/** Errors after which the same frame may be sent again: storage away, or more than 200 frames a second. */
const again = new Set(['unavailable', 'rate_limited']);

export interface AuthorOptions extends SessionOptions {
  readonly author: string;
}

/**
 * A careful client of the plain dialect: one edit at a time; rejected, it makes the edit anew against the text it was given;
 * cut off, it comes back and sends the very same frame again, so that an edit counts once however often it was sent.
 */
export class Author {
  readonly acknowledged: Acknowledged[] = [];
  rejections = 0;
  reconnects = 0;
  duplicates = 0;
  /** An edit is on its way: sent, and not answered. */
  inFlight = false;
  session: PlainSession;
  readonly #options: AuthorOptions;
  #count = 0;

  private constructor(options: AuthorOptions, session: PlainSession) {
    this.#options = options;
    this.session = session;
  }

  static async join(options: AuthorOptions): Promise<Author> {
    return new Author(options, await PlainSession.open(options));
  }

  /** Makes one edit from the text as it is; resolves when it is acknowledged. `undefined` from `make`: nothing to do. */
  async type(make: (text: string) => Edit | undefined): Promise<void> {
    for (;;) {
      const edit = make(this.session.text);
      if (!edit) return;
      this.#count += 1;
      const id = `${this.#options.author}-${this.#count}`;
      if (await this.#deliver(id, edit, this.session.version)) return;
    }
  }

  /** True: acknowledged. False: refused, and known not to have been applied. */
  async #deliver(id: string, edit: Edit, version: number): Promise<boolean> {
    for (;;) {
      this.inFlight = true;
      const outcome = await this.session.edit(id, edit, version);
      this.inFlight = false;
      switch (outcome.kind) {
        case 'ack':
          this.acknowledged.push({ author: this.#options.author, version: outcome.version, edit });
          if (outcome.duplicate) this.duplicates += 1;
          return true;
        case 'out_of_sync':
          this.rejections += 1;
          return false;
        case 'lost':
          await this.#reconnect();
          break;
        case 'error':
          if (!again.has(outcome.code)) throw new Error(`edit ${id} was refused: ${outcome.code}`);
          await delay(250);
          break;
      }
    }
  }

  async #reconnect(): Promise<void> {
    this.reconnects += 1;
    this.session = await until(
      'the realtime service to answer again',
      () => PlainSession.open(this.#options),
      90_000,
      100,
    );
  }
}
