import {
  Content,
  DocumentVersion,
  HistoryEntry,
  type Page,
  realtimePeerRoutes,
  UserCard,
  userPeerRoutes,
} from '@collabeditor/contracts';
import {
  type Caller,
  type Logger,
  type PeerAnswer,
  type PeerClient,
  Problem,
  shaped,
  unavailable,
} from '@collabeditor/kit';
import Type, { type Static, type TSchema } from 'typebox';
import type { TextHead } from './store/documents.ts';

/** user-service as this service needs it. Every call throws `unavailable` while it is away. */
export interface UserService {
  byEmail(email: string): Promise<UserCard | undefined>;
  byIds(ids: readonly string[]): Promise<ReadonlyMap<string, UserCard>>;
}

/** realtime-service as this service needs it. Every call but `heads` throws `unavailable` while it is away. */
export interface TextService {
  putFirst(caller: Caller, documentId: string, content: string): Promise<number>;
  content(documentId: string, version: number | undefined): Promise<Content>;
  putContent(caller: Caller, documentId: string, content: string, version: number): Promise<number>;
  history(documentId: string, query: { limit?: number; cursor?: string }): Promise<Page<HistoryEntry>>;
  restore(caller: Caller, documentId: string, version: number): Promise<number>;
  /** The newest versions of these texts; none while realtime-service is away. */
  heads(documentIds: readonly string[]): Promise<ReadonlyMap<string, TextHead>>;
  remove(documentId: string): Promise<void>;
}

const Users = Type.Object({ users: Type.Array(UserCard) });
const Version = Type.Object({ version: Type.Integer() });
const Versions = Type.Object({ versions: Type.Array(DocumentVersion) });
const History = Type.Object({ items: Type.Array(HistoryEntry), nextCursor: Type.Union([Type.String(), Type.Null()]) });

export function createUserService(client: PeerClient): UserService {
  return {
    async byEmail(email) {
      const answer = await client.call(userPeerRoutes.userByEmail, { query: { email } });
      return answer.status === 404 ? undefined : expected(UserCard, answer);
    },
    async byIds(ids) {
      if (ids.length === 0) return new Map();
      const { users } = expected(Users, await client.call(userPeerRoutes.usersLookup, { body: { ids: [...ids] } }));
      return new Map(users.map((user) => [user.id, user]));
    },
  };
}

/** How long a list waits for the newest versions before it shows the last ones heard of. */
const HEADS_TIMEOUT_MS = 1_500;

export function createTextService(client: PeerClient, log: Logger): TextService {
  const params = (id: string): { params: { id: string } } => ({ params: { id } });
  return {
    async putFirst(caller, id, content) {
      const answer = await client.call(realtimePeerRoutes.putFirst, { ...params(id), body: { content }, caller });
      return expected(Version, answer).version;
    },
    async content(id, version) {
      const query = version === undefined ? {} : { version };
      return expected(Content, await client.call(realtimePeerRoutes.getContent, { ...params(id), query }));
    },
    async putContent(caller, id, content, version) {
      const answer = await client.call(realtimePeerRoutes.putContent, {
        ...params(id),
        body: { content, version },
        caller,
      });
      return expected(Version, answer).version;
    },
    async history(id, query) {
      return expected(History, await client.call(realtimePeerRoutes.history, { ...params(id), query }));
    },
    async restore(caller, id, version) {
      const answer = await client.call(realtimePeerRoutes.restore, { ...params(id), body: { version }, caller });
      return expected(Version, answer).version;
    },
    async heads(ids) {
      if (ids.length === 0) return new Map();
      try {
        const signal = AbortSignal.timeout(HEADS_TIMEOUT_MS);
        const { versions } = expected(
          Versions,
          await client.call(realtimePeerRoutes.versions, { body: { ids: [...ids] }, signal }),
        );
        return new Map(
          versions.map((head) => [
            head.id,
            { ...head, updatedAt: head.updatedAt === null ? null : new Date(head.updatedAt) },
          ]),
        );
      } catch (error) {
        log.debug({ event: 'versions_outdated', err: error }, 'The versions last heard of are shown');
        return new Map();
      }
    },
    async remove(id) {
      const answer = await client.call(realtimePeerRoutes.remove, params(id));
      if (answer.status !== 204) refused(answer);
    },
  };
}

/** The body of a success; a refusal is passed on in the peer's own code where the contract of the caller's route has it. */
function expected<S extends TSchema>(schema: S, answer: PeerAnswer): Static<S> {
  return answer.status < 300 ? shaped(schema, answer.body) : refused(answer);
}

function refused({ status }: PeerAnswer): never {
  switch (status) {
    case 404:
      throw new Problem('not_found', 'The text has no such version.');
    case 410:
      throw new Problem('version_compacted');
    case 412:
      throw new Problem('precondition_failed', 'The text has changed since; read it again.');
    case 413:
      throw new Problem('payload_too_large');
    case 422:
      throw new Problem('invalid_request');
    default:
      throw unavailable('Another service refused to answer');
  }
}
