/** A client that keeps writing over one connection after another and sends again, unchanged, what was not answered. */
import { edited, type Session } from './session.ts';

export interface Writer {
  /** Acknowledged edits: what was inserted, and the version. */
  readonly acked: ReadonlyMap<string, number>;
  /** How many edits are on their way. */
  inFlight(): number;
  /** How many answers were out_of_sync. */
  readonly rejected: { count: number };
  stop(): Promise<void>;
}

export interface WriterOptions {
  readonly name: string;
  /** Opens a connection; rejects while the service is away. */
  readonly connect: () => Promise<Session>;
  /** Edits that may be on their way at once. With others writing too, 1. */
  readonly window: number;
}

interface Pending {
  readonly id: string;
  readonly text: string;
  readonly pos: number;
  readonly version: number;
}

/** Inserts `<name>0,`, `<name>1,`, … each at a place of its own choice. */
export function startWriter({ name, connect, window }: WriterOptions): Writer {
  const acked = new Map<string, number>();
  const rejected = { count: 0 };
  let pending: Pending[] = [];
  let written = 0;
  let stopping = false;
  let session: Session | null = null;

  const work = async (): Promise<void> => {
    while (!stopping || pending.length > 0) {
      try {
        session = await connect();
        // What is answered now may be in the text already: nothing new is made of it before all is answered.
        for (const { id, text, pos, version } of pending) session.send({ type: 'insert', pos, text, version, id });
        await settleAll(session);
        await write(session);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    session?.terminate();
  };

  const write = async (on: Session): Promise<void> => {
    while (!stopping || pending.length > 0) {
      while (!stopping && pending.length < window) {
        const text = pending.reduce((all, edit) => edited(all, { type: 'insert', ...edit }), on.text);
        const version = (pending.at(-1)?.version ?? on.version - 1) + 1;
        const edit = { id: `${name}-${written}`, text: `${name}${written++},`, pos: placeIn(text, written), version };
        pending.push(edit);
        on.send({ type: 'insert', ...edit });
      }
      if (!settle(on, await answerOn(on))) await settleAll(on);
    }
  };

  const answerOn = (on: Session) =>
    on.next(({ type }) => type === 'ack' || type === 'out_of_sync' || type === 'error', 20_000);

  const settleAll = async (on: Session): Promise<void> => {
    while (pending.length > 0) settle(on, await answerOn(on));
  };

  /** False where the edit was refused, and with it those that were made on top of it. */
  const settle = (on: Session, answer: Awaited<ReturnType<Session['next']>>): boolean => {
    const edit = pending.find(({ id }) => id === answer['id']);
    if (!edit) return true;
    pending = pending.filter((one) => one !== edit);
    if (answer.type === 'ack') {
      acked.set(edit.text, Number(answer['version']));
      if (answer['duplicate'] !== true) on.apply({ type: 'insert', ...edit });
      return true;
    }
    if (answer.type === 'out_of_sync') rejected.count++;
    return false;
  };

  const working = work();
  return {
    acked,
    rejected,
    inFlight: () => pending.length,
    stop: () => {
      stopping = true;
      return working;
    },
  };
}

function placeIn(text: string, salt: number): number {
  // After some comma, so that no word is torn.
  const commas = [0, ...[...text.matchAll(/,/g)].map(({ index }) => index + 1)];
  return commas[(salt * 7919) % commas.length] ?? 0;
}
