import { setTimeout as delay } from 'node:timers/promises';
import { PlainSession } from './plain-session.ts';
import { createDocument, type Account } from './rest.ts';

export interface TrafficOptions {
  readonly baseUrl: string;
  readonly account: Account;
  /** Goes into titles and texts, so that it can be looked for where it must not be. */
  readonly canary: string;
}

/**
 * People at work: edits, reads, new connections and invitations, a few of each a second, whatever becomes of them. An outage is
 * what this is there to be told by, so failures only count.
 */
export class Traffic implements AsyncDisposable {
  readonly done = { edits: 0, failures: 0 };
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;

  private constructor(options: TrafficOptions, documentId: string) {
    const { baseUrl, account } = options;
    const session = { baseUrl, documentId, token: account.token };
    this.#running = Promise.all([
      this.#repeat(200, () => this.#edit(session, options.canary)),
      this.#repeat(150, () => account.rest.call('GET', '/documents')),
      this.#repeat(500, () => account.rest.call('GET', '/auth/me')),
      this.#repeat(500, async () => (await PlainSession.open({ ...session, clientId: 'visitor' })).close()),
      this.#repeat(2_000, (count) =>
        account.rest.call('POST', `/documents/${documentId}/share`, {
          email: `guest-${count}-${Date.now()}@example.com`,
          role: 'viewer',
        }),
      ),
    ]);
  }

  static async start(options: TrafficOptions): Promise<Traffic> {
    const id = await createDocument(options.account, `Minutes ${options.canary}`, `${options.canary}\n`);
    return new Traffic(options, id);
  }

  #session: PlainSession | undefined;

  async #edit(options: { baseUrl: string; documentId: string; token: string }, canary: string): Promise<void> {
    this.#session ??= await PlainSession.open({ ...options, clientId: 'typist' });
    const session = this.#session;
    const outcome = await session.edit(`e-${crypto.randomUUID()}`, {
      type: 'insert',
      pos: session.text.length,
      text: `${canary.slice(0, 8)} `,
    });
    if (outcome.kind === 'ack') this.done.edits += 1;
    else this.done.failures += 1;
    if (outcome.kind === 'lost') this.#session = undefined;
  }

  async #repeat(pauseMs: number, work: (count: number) => Promise<unknown>): Promise<void> {
    const { signal } = this.#stop;
    for (let count = 0; !signal.aborted; count += 1) {
      try {
        await work(count);
      } catch {
        this.done.failures += 1;
      }
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#session?.close();
    await this.#running;
  }
}
