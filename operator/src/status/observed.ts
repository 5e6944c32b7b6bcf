import type { CollabEditor, Drift, Release, StoreName } from '../api/types.ts';
import type { KubeObject } from '../kube/types.ts';
import type { Desired, Facts } from '../resources/types.ts';

/** Everything that the status follows from. */
export interface Observed {
  resource: CollabEditor;
  release: Release;
  facts: Facts;
  desired: Desired;
  /** Children by `Kind/name`, as the cache has them, Secrets and pods' owners included. */
  children: ReadonlyMap<string, KubeObject>;
  /** Pods of this environment. */
  pods: readonly KubeObject[];
  /** Pods of the cluster's log collector; undefined where the operator may not look for them. */
  collectors: readonly KubeObject[] | undefined;
  /** What the operator saw when it talked to the stores. */
  checks: Readonly<Record<CheckName, Check>>;
  /** What only the operator can see: a conflict, a missing Secret, a refused request. Any makes the environment Degraded. */
  problems: readonly Problem[];
  /** The certificate that the Ingress names; null where it names none. */
  certificate: Certificate | null;
  /** What differs from the spec; reported while it is paused. */
  drift: readonly Drift[];
}

export interface Certificate {
  /** Name of the Secret. */
  secret: string;
  state: 'valid' | 'expired' | 'malformed' | 'missing';
}

/** A store with its roles, users and ACLs, or the broker's topology. */
export type CheckName = StoreName | 'topology';

export type Check =
  /** The operator had no occasion to look this time (paused, or stopped earlier): what it said last still holds. */
  | { state: 'unasked' }
  /** Not tried yet, or an earlier stage is not done. */
  | { state: 'waiting' }
  /** As wanted; `note` is worth telling though (SharedCredentials). */
  | { state: 'ok'; note?: Problem }
  | { state: 'failed'; problem: Problem };

export interface Problem {
  /** One CamelCase word. */
  reason: string;
  /** One sentence: what is missing and which object to look at. */
  message: string;
}
