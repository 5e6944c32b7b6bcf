import type { EventData, EventType } from '@collabeditor/contracts';
import type { Queryable, Tx } from '@collabeditor/kit';
import type { TextService, UserService } from './peers.ts';

/** What the routes and consumers of this service work with. */
export interface Context {
  readonly db: Queryable;
  readonly users: UserService;
  readonly texts: TextService;
  now(): Date;
  newId(): string;
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Puts an event into the outbox: it is published if and only if the transaction commits. */
  announce<T extends EventType>(tx: Tx, type: T, documentId: string, data: EventData<T>): Promise<void>;
}
