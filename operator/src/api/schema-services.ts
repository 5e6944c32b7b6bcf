/** `spec.services`: the four services. */
import Type from 'typebox';
import { name, resourceRequirements, strings, verbatim } from './schema-kinds.ts';
import { ruled } from './rule.ts';

/** Variables that the operator sets itself; a user's value would cut a service off from what it needs. */
const reservedEnv = [
  'HOST',
  'PORT',
  'INTERNAL_PORT',
  'TELEMETRY_PORT',
  'DATABASE_URL',
  'DATABASE_CA_FILE',
  'DATABASE_APP_ROLE',
  'REDIS_URL',
  'REDIS_CA_FILE',
  'AMQP_URL',
  'AMQP_CA_FILE',
  'ISSUER',
  'PUBLIC_URL',
  'ALLOWED_ORIGINS',
  'USER_SERVICE_URL',
  'DOCUMENT_SERVICE_URL',
  'REALTIME_SERVICE_URL',
  'SERVICE_TOKEN',
  'PEER_TOKEN_USER',
  'PEER_TOKEN_DOCUMENT',
  'PEER_TOKEN_REALTIME',
  'PEER_TOKEN_NOTIFICATION',
  'SIGNING_KEYS_FILE',
  'ACCESS_TOKEN_TTL',
  'REFRESH_TOKEN_TTL',
  'ADDRESS_VERIFICATION',
  'MAX_CONNECTIONS',
  'DRAIN_SECONDS',
  'SHUTDOWN_LIMIT',
  'SMTP_URI',
  'SMTP_HOST',
  'SMTP_PORT',
  'SMTP_USERNAME',
  'SMTP_PASSWORD',
  'SMTP_FROM',
  'POD_NAME',
  'NODE_OPTIONS',
];

const keyReference = (description: string) =>
  Type.Object(
    { name: name('Name of the object.'), key: Type.String({ description: 'Key in it.', maxLength: 253 }) },
    { description },
  );

const valueSource = ruled(
  Type.Object(
    {
      secretKeyRef: Type.Optional(keyReference('A key of a Secret in this namespace.')),
      configMapKeyRef: Type.Optional(keyReference('A key of a ConfigMap in this namespace.')),
    },
    { description: 'Where the value is read from.' },
  ),
  [
    {
      rule: '[has(self.secretKeyRef), has(self.configMapKeyRef)].filter(given, given).size() == 1',
      message: 'exactly one of secretKeyRef, configMapKeyRef must be set',
      holds: (value) => (value.secretKeyRef === undefined) !== (value.configMapKeyRef === undefined),
    },
  ],
);

const variable = ruled(
  Type.Object({
    name: Type.String({
      description: 'Name of the variable.',
      minLength: 1,
      maxLength: 128,
      pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
    }),
    value: Type.Optional(Type.String({ description: 'Its value.', maxLength: 32768 })),
    valueFrom: Type.Optional(valueSource),
  }),
  [
    {
      rule: `!(self.name in [${reservedEnv.map((reserved) => `'${reserved}'`).join(', ')}])`,
      message: 'this variable is set by the operator',
      fieldPath: '.name',
      holds: (value) => !reservedEnv.includes(value.name),
    },
    {
      rule: '!(has(self.value) && has(self.valueFrom))',
      message: 'value and valueFrom exclude each other',
      holds: (value) => value.value === undefined || value.valueFrom === undefined,
    },
  ],
);

const autoscaling = ruled(
  Type.Object(
    {
      minReplicas: Type.Integer({ description: 'Fewest replicas.', minimum: 1, maximum: 1000, default: 1 }),
      maxReplicas: Type.Integer({ description: 'Most replicas.', minimum: 1, maximum: 1000 }),
      targetCPUUtilizationPercentage: Type.Integer({
        description: 'CPU use, in percent of the request, that the number of replicas aims at.',
        minimum: 1,
        maximum: 1000,
        default: 70,
      }),
    },
    { description: 'A HorizontalPodAutoscaler sets the number of replicas; `replicas` is then ignored.' },
  ),
  [
    {
      rule: 'self.minReplicas <= self.maxReplicas',
      message: 'minReplicas must not be above maxReplicas',
      fieldPath: '.minReplicas',
      holds: (value) => value.minReplicas <= value.maxReplicas,
    },
  ],
);

const common = {
  replicas: Type.Integer({ description: 'Number of pods.', minimum: 0, maximum: 1000, default: 1 }),
  resources: Type.Optional(resourceRequirements),
  autoscaling: Type.Optional(autoscaling),
  nodeSelector: Type.Optional(strings('Labels of the nodes that the pods may run on.')),
  tolerations: Type.Optional(
    verbatim<Record<string, unknown>[]>('Tolerations of the pods (core/v1 Toleration).', 'array'),
  ),
  affinity: Type.Optional(verbatim<Record<string, unknown>>('Affinity of the pods (core/v1 Affinity).')),
  topologySpreadConstraints: Type.Optional(
    verbatim<Record<string, unknown>[]>(
      'How the pods are spread (core/v1 TopologySpreadConstraint); without it over nodes, as well as it goes.',
      'array',
    ),
  ),
  env: Type.Array(variable, {
    description: 'Further environment variables. Those that the operator sets are refused.',
    default: [],
    maxItems: 100,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
  }),
};

const service = (description: string) => Type.Object(common, { description, default: {} });

const realtime = Type.Object(
  {
    ...common,
    maxConnections: Type.Integer({
      description: 'WebSocket connections that one pod accepts; further ones are refused with 503.',
      minimum: 1,
      maximum: 1_000_000,
      default: 10_000,
    }),
    drainSeconds: Type.Integer({
      description: 'Time over which a stopping pod moves its sessions to others.',
      minimum: 0,
      maximum: 600,
      default: 30,
    }),
  },
  { description: 'The realtime service: WebSocket sessions, the text and its history.', default: {} },
);

const smtp = Type.Object(
  {
    secretName: name(
      'Secret of this namespace with `uri` (smtp:// or smtps://), or with `host` and, where needed, `port`, `username`, `password`.',
    ),
    from: Type.String({ description: 'Sender of the mails.', minLength: 3, maxLength: 320 }),
  },
  { description: 'Mail server. Without it mails are written to the log and addresses count as verified.' },
);

const notification = Type.Object(
  { ...common, smtp: Type.Optional(smtp) },
  { description: 'The notification service: mails.', default: {} },
);

export const services = Type.Object(
  {
    user: service('The user service: accounts and tokens.'),
    document: service('The document service: documents, rights and the web editor.'),
    realtime,
    notification,
  },
  { description: 'The four services.', default: {} },
);
