import type { Static } from 'typebox';
import type { collabEditor } from './schema.ts';
import type { stages } from './schema-status.ts';

/** One environment. Its `spec` has every default of the schema filled in. */
export type CollabEditor = Static<typeof collabEditor>;

/** The spec with every default filled in. */
export type ResolvedSpec = CollabEditor['spec'];

export type Status = NonNullable<CollabEditor['status']>;
export type Condition = NonNullable<Status['conditions']>[number];
export type ConditionType = Condition['type'];
export type Stage = (typeof stages)[number];
export type ServiceStatus = NonNullable<Status['services']>[number];
/** A child's field that is not as the spec wants it. */
export type Drift = NonNullable<Status['drift']>[number];

/** The four services, in the order in which they are named everywhere. */
export const serviceNames = ['user', 'document', 'realtime', 'notification'] as const;
export type ServiceName = (typeof serviceNames)[number];
export type ServiceSpec = ResolvedSpec['services'][ServiceName];

/** The three data stores. */
export const storeNames = ['postgres', 'redis', 'rabbitmq'] as const;
export type StoreName = (typeof storeNames)[number];

/** The programs that keep and show telemetry, where they are Managed. */
export const telemetryPrograms = ['prometheus', 'loki', 'grafana'] as const;
export type TelemetryProgram = (typeof telemetryPrograms)[number];

/** Everything that has an image. */
export const components = [...serviceNames, ...storeNames, ...telemetryPrograms] as const;
export type Component = (typeof components)[number];

/** What this build of the operator brings along. */
export interface Release {
  version: string;
  /** Image of each component, from `RELATED_IMAGE_<COMPONENT>`. */
  images: Record<Component, string>;
}
