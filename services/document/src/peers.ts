import { type Content, type HistoryEntry, type Page, realtimePeerRoutes, type UserCard, userPeerRoutes } from '@collabeditor/contracts';
import type { Caller, PeerClient } from '@collabeditor/kit';
import type { TextHead } from './store/documents.ts';

/** user-service as this service needs it. Every call throws `unavailable` while it is away. */
export interface UserService {
  byEmail(email: string): Promise<UserCard | undefined>;
  byIds(ids: readonly string[]): Promise<ReadonlyMap<string, UserCard>>;
}
