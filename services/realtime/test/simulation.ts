/** Several replicas of the real machines on one log in memory, under a clock and an order of events that a seed decides. */
import { Text } from '@codemirror/state';
import { take } from '../src/engine/commit.ts';
import { type CommitterEffect, type CommitterEvent, createCommitter, stepCommitter } from '../src/engine/committer.ts';
import { step } from '../src/engine/hub.ts';
import { createHub, type Effect, type Hub, type HubEvent, type Part } from '../src/engine/hub-state.ts';
import { editKey, type KnownEdit, REV_OF_NOTHING, type Row } from '../src/engine/row.ts';
import { advance, NO_HISTORY } from '../src/engine/undo.ts';
import { edited, type Frame } from './session.ts';

const ID = 'document';

/** Numbers from 0 up to but without `below`; the same seed gives the same ones. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

/** PostgreSQL as the machines know it: one head, one log, ids. */
class Log {
  readonly rows: Row[] = [];
  readonly ids = new Map<string, KnownEdit>();

  get version(): number {
    return this.rows.length;
  }

  get rev(): string {
    return this.rows.at(-1)?.rev ?? REV_OF_NOTHING;
  }

  get text(): string {
    return this.rows.reduce((text, { changes }) => changes.apply(text), Text.empty).toString();
  }

  commit({ version, rev, rows }: Part): { won: boolean; known: KnownEdit[] } {
    const known = rows.flatMap(({ row }) =>
      row.editId === null ? [] : (this.ids.get(editKey({ ...row, editId: row.editId })) ?? []),
    );
    if (known.length > 0 || version !== this.version || rev !== this.rev) return { won: false, known };
    for (const { row, base, payload } of rows) {
      this.rows.push(row);
      const { userId, clientId, editId } = row;
      if (editId !== null)
        this.ids.set(editKey({ userId, clientId, editId }), {
          userId,
          clientId,
          editId,
          version: row.version,
          base,
          payload,
        });
    }
    return { won: true, known: [] };
  }
}

export interface Faults {
  /** Of 100 commits so many are not done at all, and so many are done without an answer. */
  readonly failed: number;
  readonly unknown: number;
  /** Of 100 reads so many fail. */
  readonly reads: number;
  /** Of 100 pieces of news between replicas so many get lost. */
  readonly news: number;
}

export const NO_FAULTS: Faults = { failed: 0, unknown: 0, reads: 0, news: 0 };

/** One replica: a hub and a committer whose effects become tasks of the simulation. */
export class Replica {
  readonly hub: Hub;
  readonly clients = new Map<string, { receive(frame: Frame): void; closed(code: number): void }>();
  readonly replies = new Map<string, unknown>();
  readonly effects: Effect[] = [];
  #committer = createCommitter();
  #sim: Simulation;

  constructor(sim: Simulation, name: string) {
    this.#sim = sim;
    let revs = 0;
    const opened = {
      text: sim.log.rows.reduce((text, { changes }) => changes.apply(text), Text.empty),
      version: sim.log.version,
      rev: sim.log.rev,
      bytes: sim.log.text.length,
      rows: [],
    };
    this.hub = createHub(ID, opened, () => `${name}${++revs}`);
  }

  dispatch(event: HubEvent): void {
    for (const effect of step(this.hub, event, this.#sim.now)) {
      this.effects.push(effect);
      this.#perform(effect);
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        for (const id of effect.to) this.#send(id, effect.frame);
        return;
      case 'close':
        this.#sim.wire(effect.to, () => this.clients.get(effect.to)?.closed(effect.code));
        return;
      case 'probe':
        this.#sim.wire(effect.to, () => this.#sim.later(() => this.dispatch({ type: 'read', sessionId: effect.to })));
        return;
      case 'reply':
        this.replies.set(effect.request, effect.outcome);
        return;
      case 'ready':
        this.#drive({ type: 'ready', documentId: ID });
        return;
      case 'committed':
        this.#tellHead();
        return;
      case 'discard':
        throw new Error('the history is not the one that was written');
      case 'counted':
      case 'resync':
      case 'tellPeers':
      case 'tellPresence':
        return;
      default:
        this.#performRead(effect);
    }
  }

  #tellHead(): void {
    const { version, rev } = this.hub.document;
    for (const other of this.#sim.replicas) {
      if (other !== this && !this.#sim.chance(this.#sim.faults.news))
        this.#sim.later(() => other.dispatch({ type: 'head', version, rev }));
    }
  }

  #send(id: string, frame: string): void {
    this.#sim.wire(id, () => this.clients.get(id)?.receive(JSON.parse(frame) as Frame));
  }

  #performRead(
    effect: Extract<Effect, { type: 'readRows' | 'readOlder' | 'readHistory' | 'readApplied' | 'readIds' }>,
  ): void {
    const { log } = this.#sim;
    switch (effect.type) {
      case 'readRows': {
        const { turn, after } = effect;
        this.#read(
          () => {
            const revAfter = after === 0 ? REV_OF_NOTHING : (log.rows[after - 1]?.rev ?? null);
            return { type: 'rows', turn, after, revAfter, rows: log.rows.slice(after) };
          },
          { type: 'readFailed', read: 'rows', turn },
        );
        return;
      }
      case 'readOlder':
        this.#read(() => ({ type: 'older', rows: log.rows.slice(effect.from - 1, effect.to) }), {
          type: 'readFailed',
          read: 'older',
        });
        return;
      case 'readHistory': {
        const { userId, version } = effect;
        const history = () =>
          log.rows
            .slice(0, version)
            .filter((row) => row.userId === userId)
            .reduce(advance, NO_HISTORY);
        this.#read(() => ({ type: 'history', userId, history: history(), version }), {
          type: 'readFailed',
          read: 'history',
          of: userId,
        });
        return;
      }
      case 'readApplied': {
        const { sessionId, userId, clientId, since } = effect;
        const known = () =>
          [...log.ids.values()].filter(
            (one) => one.userId === userId && one.clientId === clientId && one.version > since,
          );
        this.#read(() => ({ type: 'applied', sessionId, known: known() }), {
          type: 'readFailed',
          read: 'applied',
          of: sessionId,
        });
        return;
      }
      case 'readIds': {
        const { source, userId, clientId, ids } = effect;
        const known = () => ids.flatMap((editId) => log.ids.get(editKey({ userId, clientId, editId })) ?? []);
        this.#read(() => ({ type: 'ids', source, known: known() }), { type: 'readFailed', read: 'ids', of: source });
        return;
      }
    }
  }

  #read(answer: () => HubEvent, failed: HubEvent): void {
    // What is read is decided some time after it was asked for and some time before it is heard.
    this.#sim.later(() => {
      const event = this.#sim.chance(this.#sim.faults.reads) ? failed : answer();
      this.#sim.later(() => this.dispatch(event));
    });
  }

  #drive(event: CommitterEvent): void {
    for (const effect of stepCommitter(this.#committer, event, () => take(this.hub))) this.#performCommit(effect);
  }

  #performCommit(effect: CommitterEffect): void {
    switch (effect.type) {
      case 'outcome':
        this.dispatch(effect.outcome);
        return;
      case 'rest':
        this.#sim.later(() => this.#drive({ type: 'rested' }));
        return;
      case 'commit':
        this.#sim.later(() => {
          const event = this.#commit(effect.parts);
          this.#sim.later(() => this.#drive(event));
        });
    }
  }

  #commit(parts: readonly Part[]): CommitterEvent {
    const { faults, log } = this.#sim;
    if (this.#sim.chance(faults.failed)) return { type: 'failed', unknown: false };
    if (this.#sim.chance(faults.unknown / 2)) return { type: 'failed', unknown: true };
    const [part] = parts;
    const result = part ? log.commit(part) : { won: false, known: [] };
    if (this.#sim.chance(faults.unknown)) return { type: 'failed', unknown: true };
    return { type: 'committed', won: new Set(result.won ? [ID] : []), known: new Map([[ID, result.known]]) };
  }
}

export class Simulation {
  readonly log = new Log();
  readonly replicas: Replica[] = [];
  readonly faults: Faults;
  readonly random: (below: number) => number;
  now = 1_000_000;
  #tasks: (() => void)[] = [];
  /** Per session: frames on their way, which arrive in order. */
  #wires = new Map<string, (() => void)[]>();

  constructor(seed: number, replicas: number, faults: Faults = NO_FAULTS) {
    this.random = random(seed);
    this.faults = faults;
    for (let index = 0; index < replicas; index++) this.replicas.push(new Replica(this, `r${index}-`));
  }

  chance(percent: number): boolean {
    return percent > 0 && this.random(1000) < percent * 10;
  }

  later(task: () => void): void {
    this.#tasks.push(task);
  }

  wire(session: string, task: () => void): void {
    const wire = this.#wires.get(session) ?? [];
    this.#wires.set(session, [...wire, task]);
  }

  /** Runs one thing that could happen now; false where there is none. */
  runOne(): boolean {
    const wires = [...this.#wires].filter(([, wire]) => wire.length > 0);
    const choices = this.#tasks.length + wires.length;
    if (choices === 0) return false;
    this.now += this.random(3);
    const choice = this.random(choices);
    if (choice < this.#tasks.length) this.#tasks.splice(choice, 1)[0]?.();
    else wires[choice - this.#tasks.length]?.[1].shift()?.();
    return true;
  }

  /** Runs until nothing is left to happen. */
  settle(): void {
    for (let rounds = 0; rounds < 40; rounds++) {
      for (let steps = 0; this.runOne(); steps++) if (steps > 100_000) throw new Error('it never comes to rest');
      this.now += 300;
      for (const replica of this.replicas) {
        replica.dispatch({ type: 'head', version: this.log.version, rev: this.log.rev });
        replica.dispatch({ type: 'tick' });
      }
    }
  }

  client(replica: number, name: string, user = `user-${name}`): PlainClient {
    return new PlainClient(this, this.replica(replica), name, user);
  }

  replica(index: number): Replica {
    const replica = this.replicas[index];
    if (!replica) throw new Error('no such replica');
    return replica;
  }
}

/** A client of the plain dialect that checks what it is promised. */
export class PlainClient {
  readonly frames: Frame[] = [];
  readonly sent: unknown[] = [];
  readonly acked = new Map<string, number>();
  readonly violations: string[] = [];
  readonly sessionId: string;
  readonly name: string;
  readonly user: string;
  text = '';
  version = -1;
  code: number | null = null;
  /** Edits on their way, oldest first, with the version that each names. */
  pending: { id: string; edit: Parameters<typeof edited>[1] }[] = [];
  #sim: Simulation;
  #replica: Replica;
  #sent = 0;
  #stale = false;
  static #sessions = 0;

  constructor(sim: Simulation, replica: Replica, name: string, user: string) {
    this.#sim = sim;
    this.#replica = replica;
    this.name = name;
    this.user = user;
    this.sessionId = `${name}#${++PlainClient.#sessions}`;
    replica.clients.set(this.sessionId, this);
    const session = {
      id: this.sessionId,
      userId: user,
      clientId: name,
      name,
      dialect: 'plain',
      role: 'editor',
      resume: null,
    } as const;
    replica.dispatch({ type: 'join', session, fresh: false });
  }

  /** What the text will be when everything on its way is accepted. */
  get optimistic(): string {
    return this.pending.reduce((text, { edit }) => edited(text, edit), this.text);
  }

  /** Ids go on where another connection of the same client stopped. */
  continueAfter(other: PlainClient): void {
    this.#sent = other.#sent;
  }

  leave(): void {
    this.#replica.dispatch({ type: 'leave', sessionId: this.sessionId });
    this.#replica.clients.delete(this.sessionId);
  }

  /** Sends an edit on top of those that are on their way. */
  edit(edit: Parameters<typeof edited>[1], id = `${this.name}-${++this.#sent}`): string {
    this.request({ ...edit, version: this.version + this.pending.length, id });
    this.pending.push({ id, edit });
    return id;
  }

  /** Sends again what another connection of this client had sent. */
  resend(edit: Parameters<typeof edited>[1], version: number, id: string): void {
    this.request({ ...edit, version, id });
    this.pending.push({ id, edit });
  }

  undo(type: 'undo' | 'redo' = 'undo'): string {
    const id = `${this.name}-${++this.#sent}`;
    this.request({ type, id });
    return id;
  }

  request(request: Extract<HubEvent, { type: 'frame' }>['request']): void {
    this.sent.push(request);
    const event = { type: 'frame', sessionId: this.sessionId, request } as const;
    this.#sim.wire(`to ${this.sessionId}`, () => this.#replica.dispatch(event));
  }

  closed(code: number): void {
    this.code = code;
  }

  receive(frame: Frame): void {
    this.frames.push(frame);
    switch (frame.type) {
      case 'initial_state':
        this.text = String(frame['content']);
        this.version = Number(frame['version']);
        return;
      case 'out_of_sync':
        return this.#resync(frame);
      case 'operation':
        return this.#apply(frame['op'] as Parameters<typeof edited>[1] & { version: number; more?: true });
      case 'ack':
        return this.#acknowledge(frame);
      case 'error':
        this.pending = this.pending.filter(({ id }) => id !== frame['id']);
    }
  }

  #resync(frame: Frame): void {
    const version = Number(frame['version']);
    if (version < this.version) this.violations.push(`version went down from ${this.version} to ${version}`);
    if (typeof frame['content'] === 'string') {
      this.text = frame['content'];
      this.#stale = true;
    } else {
      if (!this.#stale) this.violations.push('no content though none is unread');
      if (version !== this.version)
        this.violations.push(`out_of_sync at ${version} without the operations since ${this.version}`);
    }
    this.version = version;
    this.pending = this.pending.filter(({ id }) => id !== frame['id']);
  }

  #apply(op: Parameters<typeof edited>[1] & { version: number; more?: true }): void {
    const expected = op.more ? this.version : this.version + 1;
    if (op.version !== expected) this.violations.push(`operation of version ${op.version} at ${this.version}`);
    this.text = edited(this.text, op);
    this.version = op.version;
  }

  #acknowledge(frame: Frame): void {
    const [id, version] = [String(frame['id']), Number(frame['version'])];
    const before = this.acked.get(id);
    if (before !== undefined && before !== version)
      this.violations.push(`${id} acknowledged at ${before} and ${version}`);
    this.acked.set(id, version);
    const index = this.pending.findIndex((one) => one.id === id);
    const [acked] = index < 0 ? [] : this.pending.splice(index, 1);
    if (frame['duplicate'] === true) return;
    if (acked) {
      if (version !== this.version + 1) this.violations.push(`ack of ${version} at ${this.version}`);
      this.text = edited(this.text, acked.edit);
    } else if (version !== this.version) {
      this.violations.push(`ack of undo ${version} at ${this.version}`);
    }
    this.version = version;
  }
}
