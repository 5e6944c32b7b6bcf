import type { EventData, EventType } from '@collabeditor/contracts';
import type { Pool, Tx } from '@collabeditor/kit';
import type { Config } from './config.ts';
import type { Limits } from './limits.ts';
import type { Passwords } from './passwords.ts';
import type { KeyRing } from './signing-keys.ts';

/** What the routes and the consumer work with. */
export interface Context {
  readonly config: Config;
  readonly db: Pool;
  readonly passwords: Passwords;
  readonly limits: Limits;
  readonly keys: KeyRing;
  now(): Date;
  newId(): string;
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Publishes an event if and only if the transaction commits; events of one user keep their order. */
  announce<T extends EventType>(tx: Tx, type: T, userId: string, data: EventData<T>): Promise<void>;
}
