import type { CollabEditor, Release, ServiceName, StoreName } from '../api/types.ts';

/** An object as it is applied: plain JSON, only fields that the operator means to own. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    labels: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: OwnerReference[];
  };
  [field: string]: unknown;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller: boolean;
  blockOwnerDeletion: boolean;
}

/** Everything that the children of an environment follow from. */
export interface DesiredInput {
  resource: CollabEditor;
  release: Release;
  facts: Facts;
}

/** Kinds that somebody else's operator brings along. */
export type OptionalKind = 'httpRoute' | 'podMonitor' | 'prometheusRule' | 'grafanaDashboard' | 'grafanaDatasource';

/** What the cluster looks like, as far as children depend on it. `noFacts` is an empty cluster. */
export interface Facts {
  /** Optional kinds that the API server has. */
  installed: Readonly<Record<OptionalKind, boolean>>;
  /** Address that the Ingress controller or Gateway gave to the environment. */
  address: string | null;
  /** Secret name → key → hash of the value, of own and referenced Secrets. Pods restart when a key that they read changes. */
  secretHashes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Services with autoscaling: the live number of replicas, or null once another manager owns the field. */
  replicas: Partial<Record<ServiceName, number | null>>;
  /** Volumes that exist: a claim's size and class can't be changed through its StatefulSet. */
  volumes: Partial<Record<VolumeOwner, VolumeClaim>>;
  /** External stores: what their Secret has beside `uri`. */
  external: Partial<Record<StoreName, { admin: boolean; ca: boolean }>>;
}

/** A component with a volume. */
export type VolumeOwner = StoreName | 'prometheus' | 'loki';

export interface VolumeClaim {
  storage: string;
  storageClassName?: string;
}

export const noFacts: Facts = {
  installed: {
    httpRoute: false,
    podMonitor: false,
    prometheusRule: false,
    grafanaDashboard: false,
    grafanaDatasource: false,
  },
  address: null,
  secretHashes: {},
  replicas: {},
  volumes: {},
  external: {},
};

/** The children of an environment in rollout order. */
export interface Desired {
  secrets: SecretSpec[];
  /** ServiceAccounts and NetworkPolicies. */
  base: Manifest[];
  /** Services, Ingress or HTTPRoute. Early, because links in mails need the address. */
  exposure: Manifest[];
  /** ConfigMaps, Services and StatefulSets of managed stores. */
  stores: Manifest[];
  /** What Prometheus is told, and the programs that keep and show telemetry. Early, and nothing waits for it: a rollout that fails is to be seen. */
  monitoring: Manifest[];
  /** The migration Job. */
  migration: Manifest[];
  /** Deployments, HorizontalPodAutoscalers, PodDisruptionBudgets. */
  services: Manifest[];
}

/** A Secret whose values the operator makes. `manifest` has no data. */
export interface SecretSpec {
  manifest: Manifest;
  /** Outlives the resource (deletionPolicy Retain): no owner reference, adopted by name afterwards. */
  retained: boolean;
  keys: Readonly<Record<string, KeySource>>;
}

export type KeySource =
  /** 32 random letters and digits, made once. */
  | { kind: 'password' }
  /** A value that is no secret: a name that goes with a password. */
  | { kind: 'fixed'; value: string }
  /** The user service's SIGNING_KEYS_FILE: made once, then rotated by age. */
  | { kind: 'signing-keys' }
  /** `template` with `{password}` replaced by another key's value. Follows it. */
  | { kind: 'template'; template: string; password: KeyReference }
  /**
   * URI of an external store, from its Secret `secretName`. With `role` (the Secret has `adminUri`): adminUri with that user,
   * password and, where given, database. Else `uri.<service>`, else `uri`.
   */
  | { kind: 'external'; store: StoreName; secretName: string; service: ServiceName; role: ExternalRole | null };

export interface KeyReference {
  secret: string;
  key: string;
}

export interface ExternalRole {
  username: string;
  password: KeyReference;
}
