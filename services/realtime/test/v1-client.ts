/** A client of `collab.v1` on the simulation: keeps typing while edits are on their way, and maps them over what others did. */
import { ChangeSet, Text } from '@codemirror/state';
import type { Frame } from './session.ts';
import type { Replica, Simulation } from './simulation.ts';

interface Unconfirmed {
  readonly id: string;
  readonly changes: ChangeSet;
}

interface Operation {
  readonly changes: unknown;
  readonly clientId: string;
  readonly id?: string;
}

export class V1Client {
  readonly violations: string[] = [];
  readonly confirmed: string[] = [];
  readonly name: string;
  base = Text.empty;
  version = -1;
  rev = '';
  unconfirmed: Unconfirmed[] = [];
  #sim: Simulation;
  #replica: Replica | null = null;
  #sessionId = '';
  #written = 0;
  /** The frame that is not answered yet: sent again over a new connection, unchanged. */
  #sent: {
    readonly version: number;
    readonly edits: readonly { readonly id: string; readonly changes: unknown }[];
  } | null = null;
  #resuming: number | null = null;
  /** The connection has brought the text or what was missed. */
  #live = false;
  static #sessions = 0;

  constructor(sim: Simulation, name: string) {
    this.#sim = sim;
    this.name = name;
  }

  get text(): Text {
    return this.unconfirmed.reduce((text, { changes }) => changes.apply(text), this.base);
  }

  connect(replica: Replica): void {
    this.#replica = replica;
    this.#live = false;
    this.#sessionId = `${this.name}#v${++V1Client.#sessions}`;
    const id = this.#sessionId;
    // Frames of a connection that was left do not arrive.
    replica.clients.set(id, {
      receive: (frame) => {
        if (id === this.#sessionId) this.#receive(frame);
      },
      closed: () => {
        if (id === this.#sessionId) this.connect(replica);
      },
    });
    const resume = this.version < 0 ? null : { since: this.version, rev: this.rev };
    const session = {
      id,
      userId: this.name,
      clientId: this.name,
      name: this.name,
      dialect: 'v1',
      role: 'editor',
      resume,
    } as const;
    replica.dispatch({ type: 'join', session, fresh: false });
  }

  reconnect(replica: Replica): void {
    this.#replica?.dispatch({ type: 'leave', sessionId: this.#sessionId });
    this.connect(replica);
  }

  type(): void {
    if (this.version < 0) return;
    const { length } = this.text;
    const from = this.#sim.random(length + 1);
    const to = Math.min(length, from + this.#sim.random(3));
    const insert = this.#sim.random(3) === 0 ? '' : 'xyz'.slice(0, 1 + this.#sim.random(3));
    const changes = ChangeSet.of({ from, to, insert }, length);
    if (!changes.empty) this.unconfirmed.push({ id: `${this.name}-${++this.#written}`, changes });
    this.flush();
  }

  /** Sends what nobody knows yet, once what was sent before is answered. */
  flush(): void {
    if (this.#sent || !this.#live) return;
    // What others have emptied before it was sent need not be sent.
    this.unconfirmed = this.unconfirmed.filter(({ changes }) => !changes.empty);
    if (this.unconfirmed.length === 0) return;
    const edits = this.unconfirmed.map(({ id, changes }) => ({ id, changes: changes.toJSON() as unknown }));
    this.#sent = { version: this.version, edits };
    this.resend();
  }

  /** Sends the unanswered frame again, or what is new. */
  resend(): void {
    if (!this.#sent) return this.flush();
    const [replica, sessionId] = [this.#replica, this.#sessionId];
    const request = { type: 'edits', ...this.#sent } as const;
    this.#sim.wire(`to ${sessionId}`, () => replica?.dispatch({ type: 'frame', sessionId, request }));
  }

  #receive(frame: Frame): void {
    switch (frame.type) {
      case 'initial_state':
        this.base = Text.of(String(frame['content']).split('\n'));
        return this.#arrive(frame);
      case 'resumed':
        // What was missed follows, and may confirm what would be sent.
        this.#resuming = Number(frame['version']);
        return this.#caughtUp();
      case 'out_of_sync':
        return this.#cut(frame);
      case 'operations': {
        if (frame['version'] !== this.version)
          this.violations.push(`operations after ${String(frame['version'])} at ${this.version}`);
        for (const operation of frame['operations'] as Operation[]) this.#apply(operation);
        this.rev = String(frame['rev']);
        return this.#resuming === null ? this.flush() : this.#caughtUp();
      }
      case 'error':
        if (frame['code'] !== 'unavailable') this.violations.push(JSON.stringify(frame));
        else this.#sim.later(() => this.resend());
    }
  }

  #caughtUp(): void {
    if (this.#resuming === null || this.version < this.#resuming) return;
    this.#resuming = null;
    this.#live = true;
    this.resend();
  }

  #arrive(frame: Frame): void {
    this.version = Number(frame['version']);
    this.rev = String(frame['rev']);
    this.#live = true;
    this.flush();
  }

  /** The text anew: edits that are in it are done, the others have nowhere to be mapped to in this simple client. */
  #cut(frame: Frame): void {
    const applied = new Set((frame['applied'] as { id: string }[]).map(({ id }) => id));
    this.confirmed.push(...this.unconfirmed.filter(({ id }) => applied.has(id)).map(({ id }) => id));
    this.unconfirmed = [];
    this.#sent = null;
    this.base = Text.of(String(frame['content']).split('\n'));
    this.#arrive(frame);
  }

  #apply({ changes: json, clientId, id }: Operation): void {
    let over = ChangeSet.fromJSON(json);
    const [first] = this.unconfirmed;
    if (first && clientId === this.name && id === first.id) {
      if (JSON.stringify(first.changes) !== JSON.stringify(over))
        this.violations.push(`${first.id} came back as another edit`);
      this.unconfirmed.shift();
      this.confirmed.push(first.id);
      if (this.#sent?.edits.at(-1)?.id === id) this.#sent = null;
      this.base = over.apply(this.base);
    } else {
      this.base = over.apply(this.base);
      this.unconfirmed = this.unconfirmed.map((one) => {
        const mapped = one.changes.map(over);
        over = over.map(one.changes, true);
        return { id: one.id, changes: mapped };
      });
    }
    this.version++;
  }
}
