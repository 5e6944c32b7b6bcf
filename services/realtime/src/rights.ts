import {
  BATCH_MAX,
  type AnyEvent,
  documentPeerRoutes,
  type Role,
  RoleAnswer,
  RoleOfPair,
} from '@collabeditor/contracts';
import { atMostEvery, type Caller, type Logger, type PeerClient, Problem, shaped } from '@collabeditor/kit';
import Type from 'typebox';

/** How often roles are asked for again, whatever events say. */
const RECHECK_MS = 30_000;
const RETRY_MS = 250;
const RETRIES = 4;

/** What a change of rights does to an open session. */
export interface RightsHandler {
  changed(role: Role): void;
  revoked(): void;
  deleted(): void;
}

/** One session whose role is watched, from before the role is first asked for. */
export interface Watch {
  /** Asks for the role with the user's token; throws `not_found` or `unavailable`. */
  ask(caller: Caller): Promise<Role>;
  end(): void;
}

interface Watched {
  readonly documentId: string;
  readonly userId: string;
  readonly handler: RightsHandler;
  role: Role | null;
  /** Counts the changes heard of, so that an answer that was on its way meanwhile is asked for again. */
  changes: number;
}

export interface Rights extends AsyncDisposable {
  watch(documentId: string, userId: string, handler: RightsHandler): Watch;
  hear(event: AnyEvent): void;
  /** Asks for all roles again: events may have been missed. */
  recheckAll(): void;
}

const RolesAnswer = Type.Object({ roles: Type.Array(RoleOfPair) });

/** Roles of open sessions. The document service decides; events only say when to ask it again. */
export function createRights(documents: PeerClient, log: Logger): Rights {
  const watched = new Set<Watched>();
  const report = atMostEvery(10_000, (err) =>
    log.warn({ event: 'roles_not_rechecked', err }, 'Roles could not be asked for again'),
  );

  const recheck = async (entries: readonly Watched[]): Promise<void> => {
    for (let from = 0; from < entries.length; from += BATCH_MAX) {
      const batch = entries.slice(from, from + BATCH_MAX);
      const pairs = batch.map(({ documentId, userId }) => ({ documentId, userId }));
      const { body } = await documents.call(documentPeerRoutes.roles, { body: { pairs } });
      const roles = new Map(
        shaped(RolesAnswer, body).roles.map(({ documentId, userId, role }) => [`${documentId} ${userId}`, role]),
      );
      for (const entry of batch)
        if (watched.has(entry)) apply(entry, roles.get(`${entry.documentId} ${entry.userId}`) ?? null);
    }
  };

  const recheckSoon = (entries: readonly Watched[], attempt = 0): void => {
    const known = entries.filter((entry) => watched.has(entry) && entry.role !== null);
    if (known.length === 0) return;
    recheck(known).catch((error: unknown) => {
      report(error);
      if (attempt < RETRIES) setTimeout(() => recheckSoon(known, attempt + 1), RETRY_MS).unref();
    });
  };

  const timer = setInterval(() => recheckSoon([...watched]), RECHECK_MS);
  timer.unref();

  return {
    watch(documentId, userId, handler) {
      const entry: Watched = { documentId, userId, handler, role: null, changes: 0 };
      watched.add(entry);
      return { ask: (caller) => ask(documents, entry, caller), end: () => void watched.delete(entry) };
    },
    hear(event) {
      if (event.type === 'document.deleted') {
        for (const entry of watched) if (entry.documentId === event.data.documentId) entry.handler.deleted();
        return;
      }
      const affected = [...watched].filter((entry) => concerns(event, entry));
      for (const entry of affected) entry.changes++;
      recheckSoon(affected);
    },
    recheckAll: () => recheckSoon([...watched]),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      watched.clear();
    },
  };
}

async function ask(documents: PeerClient, entry: Watched, caller: Caller): Promise<Role> {
  for (;;) {
    const { changes, documentId } = entry;
    const { status, body } = await documents.call(documentPeerRoutes.role, { params: { id: documentId }, caller });
    if (status !== 200) throw new Problem('not_found');
    if (changes !== entry.changes) continue;
    entry.role = shaped(RoleAnswer, body).role;
    return entry.role;
  }
}

function concerns(event: AnyEvent, { documentId, userId }: Watched): boolean {
  switch (event.type) {
    case 'permission.changed':
    case 'permission.revoked':
      return event.data.documentId === documentId && event.data.userId === userId;
    case 'user.deleted':
      return event.data.userId === userId;
    default:
      return false;
  }
}

function apply(entry: Watched, role: Role | null): void {
  if (role === entry.role) return;
  if (role !== null) {
    entry.role = role;
    return entry.handler.changed(role);
  }
  // Nobody can take the owner's role away: his document is gone.
  if (entry.role === 'owner') entry.handler.deleted();
  else entry.handler.revoked();
}
