import { applyRows, commitWaiting, rowsFrom, takeBack } from './document.ts';
import { evaluate } from './evaluate.ts';
import * as frames from './frames.ts';
import type { Effect, Hub, Inbound, Part, RowsRead, Session, Submission } from './hub-state.ts';
import type { KnownEdit, Row } from './row.ts';
import { editKey } from './row.ts';
import { tellDuePresences } from './peers.ts';
import { accept, answer, PATIENCE_MS, pumpAll, readHead, unavailable } from './submit.ts';

/** Most edits of one document in one commit. A request is never split. */
const MAX_EDITS = 500;

/**
 * The commits of one document, one at a time:
 *
 *   waiting ── take ──► under way ── committed ──► acknowledged and shown
 *      ▲                    │
 *      │                    ├── lost: somebody else was first, or an id was known
 *      │                    ├── failed: PostgreSQL did not take it, or nobody knows whether it did
 *      │                    ▼
 *      └── evaluated ── recovering: the log is read; what is in it under our revs is committed, the rest is evaluated again
 */
export function take(hub: Hub): Part | null {
  if (hub.taken > 0 || hub.recovering || hub.submissions.length === 0) return null;
  let edits = 0;
  for (const { revs } of hub.submissions) {
    if (hub.taken > 0 && (hub.cautious || edits + revs.length > MAX_EDITS)) break;
    hub.taken++;
    edits += revs.length;
  }
  const { version, rev, waiting } = hub.document;
  return { documentId: hub.id, version, rev, rows: waiting.slice(0, edits) };
}

export function committed(hub: Hub, now: number): Effect[] {
  const count = editsOf(hub.submissions.slice(0, hub.taken));
  hub.taken = 0;
  hub.cautious = false;
  const effects = acknowledge(hub, count);
  return [...effects, ...unstash(hub), ...proceed(hub, now)];
}

/** Somebody else's edit came first, or an id of the commit was known: the log tells. */
export function lost(hub: Hub, known: readonly KnownEdit[]): Effect[] {
  for (const edit of known) hub.document.ids.set(editKey(edit), edit);
  return recover(hub, 0);
}

/** PostgreSQL refused the data. The only request of a commit is the guilty one; of several it is found one by one. */
export function rejected(hub: Hub, now: number): Effect[] {
  const [guilty] = hub.submissions;
  if (hub.taken > 1 || !guilty) {
    hub.taken = 0;
    hub.cautious = true;
    return proceed(hub, now);
  }
  hub.taken = 0;
  const refused = {
    type: 'refused',
    code: 'invalid_operation',
    message: 'the edit can not be stored',
    id: null,
  } as const;
  const effects = answerSubmission(hub, guilty, refused);
  return [...effects, ...rebuild(hub, takeBackAll(hub).slice(1), true), ...proceed(hub, now)];
}

/** With `unknown` the commit may have happened; nothing of it is answered before the revs have been read back. */
export function failed(hub: Hub, unknown: boolean, now: number): Effect[] {
  if (unknown) return recover(hub, hub.taken);
  hub.taken = 0;
  return [...unstash(hub), ...proceed(hub, now)];
}

/** Rows of the log after a version, as PostgreSQL has them. */
export function rowsRead(hub: Hub, read: RowsRead, now: number): Effect[] {
  if (hub.headRead.inFlight !== read.turn) return [];
  hub.headRead.inFlight = null;
  if (hub.taken > 0) {
    hub.stashed = read;
    return [];
  }
  return [...integrate(hub, read), ...proceed(hub, now)];
}

/** Edits that have waited too long while none of them can be committed are handed back to their authors. */
export function expire(hub: Hub, now: number): Effect[] {
  const isLate = ({ arrivedAt }: Submission): boolean => now - arrivedAt >= PATIENCE_MS;
  const uncertain = hub.submissions
    .slice(0, hub.recovering?.uncertain ?? 0)
    .filter((one) => isLate(one) && !one.abandoned);
  for (const submission of uncertain) submission.abandoned = true;
  const held = Math.max(hub.taken, hub.recovering?.uncertain ?? 0);
  const oldest = hub.submissions[held];
  const late = oldest && isLate(oldest) ? takeBackAll(hub, held) : [];
  return [...uncertain, ...late].flatMap((submission) =>
    answerSubmission(hub, submission, unavailable(submission.request)),
  );
}

function recover(hub: Hub, uncertain: number): Effect[] {
  hub.taken = 0;
  hub.recovering = { uncertain };
  hub.stashed = null;
  // A read that is under way began before the outcome: it does not count.
  hub.headRead.inFlight = null;
  return readHead(hub, hub.turn);
}

function unstash(hub: Hub): Effect[] {
  const { stashed } = hub;
  hub.stashed = null;
  return stashed ? integrate(hub, stashed) : [];
}

function integrate(hub: Hub, { turn, after, revAfter, rows }: RowsRead): Effect[] {
  const { document } = hub;
  hub.headRead.done = Math.max(hub.headRead.done, turn);
  if (!continues(hub, after, revAfter, rows)) return [{ type: 'discard' }];
  const news = rows.filter(({ version }) => version > document.version);
  const own = news.findIndex((row, index) => row.rev !== document.waiting[index]?.row.rev);
  const ours = own < 0 ? news.length : own;
  const effects = ours > 0 ? acknowledge(hub, ours) : [];
  const foreign = news.slice(ours);
  const again = hub.recovering !== null;
  hub.recovering = null;
  if (foreign.length === 0) return again ? [...effects, ...rebuild(hub, takeBackAll(hub), false)] : effects;
  const submissions = takeBackAll(hub);
  applyRows(document, foreign);
  return [...effects, ...deliver(hub, foreign, new Map()), ...rebuild(hub, submissions, true)];
}

/** Whether rows that were read stand on the history that is in memory. */
function continues({ document }: Hub, after: number, revAfter: string | null, rows: readonly Row[]): boolean {
  if (after === document.version) return revAfter === document.rev;
  // The document has moved on since the read began.
  const head = rows.find(({ version }) => version === document.version);
  if (head) return head.rev === document.rev;
  return revAfter !== null && (rowsFrom(document, after)?.[0]?.rev ?? revAfter) === revAfter;
}

/** The first `count` waiting edits are in the log: shows them to everyone and acknowledges them. */
function acknowledge(hub: Hub, count: number): Effect[] {
  const authors = new Map<number, Submission>();
  const done: Submission[] = [];
  for (let left = count, version = hub.document.version; left > 0;) {
    const submission = hub.submissions.shift();
    if (!submission) break;
    done.push(submission);
    left -= submission.revs.length;
    for (let edit = 0; edit < submission.revs.length; edit++) {
      version++;
      if (!submission.abandoned) authors.set(version, submission);
    }
  }
  const rows = commitWaiting(hub.document, count);
  const effects = deliver(hub, rows, authors);
  for (const submission of done) {
    const { source, revs, arrivedAt } = submission;
    // Its author was told otherwise, and that was counted.
    if (submission.abandoned) continue;
    effects.push({ type: 'counted', result: 'accepted', edits: revs.length, since: arrivedAt });
    if (hub.sessions.has(source)) continue;
    const version = [...authors].findLast(([, author]) => author === submission)?.[0] ?? hub.document.version;
    effects.push({ type: 'reply', request: source, outcome: { type: 'done', version, duplicate: false } });
  }
  return [...effects, { type: 'committed', rows }];
}

function deliver(hub: Hub, rows: readonly Row[], authors: ReadonlyMap<number, Submission>): Effect[] {
  const live = [...hub.sessions.values()].filter((session) => session.live);
  for (const session of live) noteAcks(session, rows, authors);
  const ready = live.filter(({ lag }) => !lag);
  const plain = ready.filter(({ dialect }) => dialect === 'plain');
  const transformed = ready.filter(({ dialect }) => dialect === 'v1').map(({ id }) => id);
  const effects = rows.flatMap((row) => deliverPlain(plain, row, authors.get(row.version)));
  if (transformed.length > 0) effects.push({ type: 'send', to: transformed, frame: frames.v1Operations(rows) });
  return effects;
}

function deliverPlain(sessions: readonly Session[], row: Row, author: Submission | undefined): Effect[] {
  const isOwn = (session: Session): boolean => session.id === author?.source;
  const effects: Effect[] = [];
  // The author of an insert or delete has applied it; what an undo did has to be told.
  const to = sessions.filter((session) => row.kind !== 'edit' || !isOwn(session)).map(({ id }) => id);
  if (to.length > 0) for (const frame of frames.plainOperations(row)) effects.push({ type: 'send', to, frame });
  const own = sessions.find(isOwn);
  if (own) effects.push({ type: 'send', to: [own.id], frame: frames.ack(row.editId, row.version) });
  return effects;
}

/** A session that can't keep up is owed the acknowledgements of its edits. */
function noteAcks(session: Session, rows: readonly Row[], authors: ReadonlyMap<number, Submission>): void {
  if (!session.lag) return;
  for (const { version, editId } of rows) {
    if (authors.get(version)?.source === session.id) session.lag.acks.push({ id: editId, version });
  }
}

function takeBackAll(hub: Hub, keep = 0): Submission[] {
  const taken = hub.submissions.splice(keep);
  takeBack(hub.document, editsOf(hub.submissions));
  return taken;
}

/**
 * Evaluates requests that had been accepted once more. `moved`: they stood on edits that are not there, so plain edits are
 * stale whatever their number says; and so is all that stands on one that is dropped here.
 */
function rebuild(hub: Hub, submissions: readonly Submission[], moved: boolean): Effect[] {
  const effects: Effect[] = [];
  const back = new Map<string, Inbound[]>();
  let changed = moved;
  for (const submission of submissions) {
    if (submission.abandoned) {
      changed = true;
      continue;
    }
    const facts = { idsRead: false, headRead: true, moved: changed };
    const verdict = evaluate(hub.document, submission.author, submission.request, facts);
    const behind = back.get(submission.source);
    if (behind || verdict.type === 'wait') {
      back.set(submission.source, [...(behind ?? []), inboundOf(submission, changed)]);
      changed = true;
    } else if (verdict.type === 'accept') {
      accept(hub, submission, verdict);
    } else {
      effects.push(...answerSubmission(hub, submission, verdict));
      changed = true;
    }
  }
  for (const [id, inbox] of back) {
    const source = hub.sources.get(id);
    if (source) source.inbox = [...inbox, ...source.inbox];
  }
  return effects;
}

function inboundOf({ request, arrivedAt, turn }: Submission, moved: boolean): Inbound {
  return { request, arrivedAt, turn, ids: 'unread', moved };
}

function answerSubmission(
  hub: Hub,
  { source, author, request, turn }: Submission,
  verdict: Parameters<typeof answer>[3],
): Effect[] {
  return answer(hub, hub.sources.get(source) ?? { id: source, author, inbox: [] }, { request, turn }, verdict);
}

/** What may go on once something has been committed or read. */
function proceed(hub: Hub, now: number): Effect[] {
  const effects = [...pumpAll(hub, now), ...tellDuePresences(hub, now)];
  if (hub.submissions.length > 0 && hub.taken === 0 && !hub.recovering) effects.push({ type: 'ready' });
  return effects;
}

function editsOf(submissions: readonly Submission[]): number {
  return submissions.reduce((edits, { revs }) => edits + revs.length, 0);
}
