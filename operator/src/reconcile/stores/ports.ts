import type { ServiceName } from '../../api/types.ts';
import type { Check } from '../../status/observed.ts';

/** A user of a store that a service connects as. */
export interface Account {
  user: string;
  password: string;
}

/** Accounts of one service in PostgreSQL: one that reads and writes rows, one that owns the schema. */
export interface DatabaseAccounts {
  schema: string;
  app: Account;
  owner: Account;
}

/** PostgreSQL as a resource wants it. */
export interface DatabaseRequest {
  /** Connects as somebody who may make roles and schemas. With shared credentials: as the shared role. */
  adminUri: string;
  ca: string | undefined;
  /** Schemas to make with their roles. */
  services: DatabaseAccounts[];
  /** All services use the role of `adminUri`: no roles are made. */
  shared: boolean;
  /** `<namespace>/<name>` of the environment that the database belongs to. */
  owner: string;
  /** A server of ours, which leaves the size of its volume in a file; `reader` is told of it. */
  volume: { file: string; reader: string } | undefined;
}

/** Redis as a resource wants it. */
export interface CacheRequest {
  uri: string;
  ca: string | undefined;
  /** Accounts to set; empty where everybody shares one. */
  accounts: { account: Account; rights: string[] }[];
  owner: string;
}

/** RabbitMQ as a resource wants it. */
export interface BrokerRequest {
  /** Management API with the administrator's name and password in it. */
  managementUri: string;
  ca: string | undefined;
  virtualHost: string;
  /** Accounts to set; undefined where everybody shares one. */
  accounts: Record<ServiceName, Account> | undefined;
  owner: string;
}

/** The data stores. Each call compares and puts right; none throws, none tells a secret. */
export interface Stores {
  database(request: DatabaseRequest): Promise<Check>;
  cache(request: CacheRequest): Promise<Check>;
  broker(request: BrokerRequest): Promise<Check>;
  topology(request: BrokerRequest): Promise<Check>;
  /** Takes away what was made in a database. Under deletionPolicy Delete, for a database that somebody else runs. */
  dropDatabase(request: DatabaseRequest): Promise<Check>;
  dropBroker(request: BrokerRequest): Promise<Check>;
  dropCache(request: CacheRequest): Promise<Check>;
}

/** A check that failed. */
export function failed(reason: string, message: string): Check {
  return { state: 'failed', problem: { reason, message } };
}

/** A check that is as wanted, with a remark where everybody shares one account. */
export function ok(shared: boolean, what: string): Check {
  if (!shared) return { state: 'ok' };
  return {
    state: 'ok',
    note: { reason: 'SharedCredentials', message: `All services share one ${what}, since the Secret has no adminUri.` },
  };
}
