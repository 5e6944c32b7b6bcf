/** `status` of a CollabEditor. */
import Type from 'typebox';
import { choice } from './schema-kinds.ts';

/** The stages that an environment goes through, in rollout order. */
export const stages = [
  'SecretsReady',
  'DatabaseReady',
  'CacheReady',
  'BrokerReady',
  'TopologyReady',
  'Migrated',
  'ServicesAvailable',
  'Exposed',
  'MonitoringReady',
] as const;

export const conditionTypes = ['Ready', 'Progressing', 'Degraded', 'Paused', ...stages] as const;

const condition = Type.Object({
  type: Type.Unsafe<(typeof conditionTypes)[number]>({
    type: 'string',
    description: 'Question that this condition answers.',
    maxLength: 316,
  }),
  status: choice(['True', 'False', 'Unknown'], 'The answer.'),
  reason: Type.String({ description: 'The cause in one word.', minLength: 1, maxLength: 1024 }),
  message: Type.String({ description: 'What is missing and which object to look at.', maxLength: 32768 }),
  lastTransitionTime: Type.String({ description: 'When `status` last changed.', format: 'date-time' }),
  observedGeneration: Type.Optional(Type.Integer({ description: 'Generation that the answer is about.', minimum: 0 })),
});

const serviceStatus = Type.Object({
  name: Type.String({ description: 'The service.' }),
  ready: Type.Integer({ description: 'Ready pods.' }),
  desired: Type.Integer({ description: 'Wanted pods.' }),
  version: Type.Optional(Type.String({ description: 'Release that all its pods run; absent while they differ.' })),
});

const drift = Type.Object({
  object: Type.String({ description: 'Kind and name of a child.' }),
  field: Type.String({ description: 'Field that differs; empty where the whole object is missing or too much.' }),
});

export const status = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ description: 'Generation of the spec that the status is about.', minimum: 0 }),
    ),
    version: Type.Optional(Type.String({ description: 'Release that all services run.' })),
    url: Type.Optional(Type.String({ description: 'Where the environment is reached.' })),
    servicesReady: Type.Optional(Type.String({ description: 'Services that have all their pods, of four.' })),
    services: Type.Optional(
      Type.Array(serviceStatus, {
        description: 'The four services.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
    ),
    drift: Type.Optional(
      Type.Array(drift, {
        description: 'What differs from the spec while it is paused.',
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    conditions: Type.Optional(
      Type.Array(condition, {
        description: 'Ready, Progressing, Degraded, Paused and the stages of the rollout.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    ),
  },
  { description: 'What the operator observes.' },
);
