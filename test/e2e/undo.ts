/** Plays the cases of test/undo.cases.json over the plain dialect, as two people would. */
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Edit } from './model.ts';
import { type Outcome, PlainSession, type SessionOptions } from './plain-session.ts';
import { until } from './wait.ts';

type Person = 'A' | 'B';

interface EditStep {
  readonly by: Person;
  readonly do: 'insert' | 'delete';
  readonly pos: number;
  readonly text?: string;
  readonly len?: number;
  /** The edit names an old version: it is answered with out_of_sync and leaves no trace. */
  readonly stale?: true;
}

interface HistoryStep {
  readonly by: Person;
  readonly do: 'undo' | 'redo';
  /** Code of the error that answers it. */
  readonly refused?: string;
}

type Step = EditStep | HistoryStep | { readonly by: Person; readonly do: 'reconnect' };

export interface UndoCase {
  readonly name: string;
  readonly initial: string;
  readonly steps: readonly Step[];
  readonly expected: string;
}

export function undoCases(): UndoCase[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../undo.cases.json'), 'utf8')) as UndoCase[];
}

/** Plays one case; answers the text that both of them see at the end. */
export async function playUndoCase(
  { steps }: UndoCase,
  people: Record<Person, Omit<SessionOptions, 'clientId'>>,
): Promise<string> {
  const open = (person: Person): Promise<PlainSession> =>
    PlainSession.open({ ...people[person], clientId: `undo-${person}` });
  const sessions: Record<Person, PlainSession> = { A: await open('A'), B: await open('B') };
  let head = sessions.A.version;
  for (const [index, step] of steps.entries()) {
    if (step.do === 'reconnect') {
      await sessions[step.by].close();
      sessions[step.by] = await open(step.by);
      continue;
    }
    const session = sessions[step.by];
    await until(`${step.by} to see version ${head}`, async () => (session.version === head ? true : undefined));
    const outcome = await play(session, step, `step-${index}`, head);
    if (outcome.kind === 'ack') head = outcome.version;
    else assert.deepEqual(outcome, answerTo(step), `step ${index}`);
  }
  for (const session of Object.values(sessions))
    await until(`version ${head} everywhere`, async () => (session.version === head ? true : undefined));
  assert.equal(sessions.A.text, sessions.B.text);
  const { text } = sessions.A;
  await Promise.all(Object.values(sessions).map((session) => session.close()));
  return text;
}

function play(session: PlainSession, step: EditStep | HistoryStep, id: string, head: number): Promise<Outcome> {
  if (!('pos' in step)) return session.send(id, { type: step.do });
  const { pos, text = '', len = 0 } = step;
  const edit: Edit = step.do === 'insert' ? { type: 'insert', pos, text } : { type: 'delete', pos, len };
  return session.edit(id, edit, step.stale ? head - 1 : head);
}

/** What a step that is not acknowledged has to be answered with. */
function answerTo(step: EditStep | HistoryStep): Outcome | undefined {
  if ('stale' in step) return { kind: 'out_of_sync' };
  return 'refused' in step ? { kind: 'error', code: step.refused } : undefined;
}
