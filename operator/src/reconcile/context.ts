import type { Logger } from 'pino';
import type { CollabEditor, Drift, Release, StoreName } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { KubeObject } from '../kube/types.ts';
import type { Desired, Facts } from '../resources/types.ts';
import type { Check, CheckName, Problem } from '../status/observed.ts';
import type { ContestedFields } from './apply.ts';
import type { Cluster } from './cluster.ts';
import type { SecretData } from './secrets.ts';
import type { Stores } from './stores/ports.ts';

/** Everything outside of a reconcile. */
export interface Ports {
  client: KubeClient;
  cluster: Cluster;
  stores: Stores;
  events: Pick<EventRecorder, 'record'>;
  contested: ContestedFields;
  release: Release;
  log: Pick<Logger, 'info' | 'warn' | 'error' | 'debug'>;
  /** Wall-clock time, for what people read. */
  now: () => Date;
  /** Where the operator reaches a managed store. */
  storeHost: (resource: CollabEditor, store: StoreName) => string;
}

/** One reconcile of one resource: what was seen, and what came of each step so far. */
export interface Turn {
  /** As the server has it. */
  raw: KubeObject;
  resource: CollabEditor;
  /** Data of the Secrets that the resource names, by name. */
  referenced: ReadonlyMap<string, SecretData>;
  /** Address of the Gateway, where the resource has neither an Ingress nor a host. */
  gatewayAddress: string | null;
  facts: Facts;
  desired: Desired;
  checks: Record<CheckName, Check>;
  problems: Problem[];
  drift: Drift[];
  /** Come again after so long even if nothing changes; undefined: after the usual time. */
  again: number | undefined;
  /** Objects written, for the log. */
  written: string[];
}

/** Comes again after `ms` at the latest. */
export function comeAgain(turn: Turn, ms: number): void {
  turn.again = Math.min(turn.again ?? ms, ms);
}
