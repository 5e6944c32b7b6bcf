/** The CollabEditor resource: types, defaults, descriptions and validations in one place. `crds/` and `docs/resource.md` are generated from it. */
import Type from 'typebox';
import { durationSeconds } from './duration.ts';
import { exactlyOneOf, ruled } from './rule.ts';
import {
  choice,
  duration,
  labelSelector,
  name,
  quantity,
  resourceRequirements,
  strings,
  verbatim,
} from './schema-kinds.ts';
import { observability } from './schema-observability.ts';
import { services } from './schema-services.ts';
import { status } from './schema-status.ts';

const image = (component: string) =>
  Type.Optional(
    Type.String({
      description: `Full reference of the image of ${component}.`,
      minLength: 1,
      maxLength: 512,
      pattern: '^[^\\s]+$',
    }),
  );

const images = Type.Object(
  {
    registry: Type.Optional(
      Type.String({
        description:
          "Registry, with or without a path, that takes the place of the host in the release's references (a mirror).",
        minLength: 1,
        maxLength: 255,
        pattern: '^[^\\s/]+(/[^\\s/]+)*$',
      }),
    ),
    pullPolicy: choice(['Always', 'IfNotPresent', 'Never'], 'When images are pulled.', { default: 'IfNotPresent' }),
    pullSecrets: Type.Array(Type.Object({ name: name('Name of the Secret.') }), {
      description: 'Secrets of this namespace for private registries.',
      default: [],
      maxItems: 16,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    }),
    user: image('the user service'),
    document: image('the document service'),
    realtime: image('the realtime service'),
    notification: image('the notification service'),
    postgres: image('PostgreSQL'),
    redis: image('Redis'),
    rabbitmq: image('RabbitMQ'),
    prometheus: image('Prometheus'),
    loki: image('Loki'),
    grafana: image('Grafana'),
  },
  { description: "Images; the release's where nothing is said.", default: {} },
);

const ingress = Type.Object(
  {
    className: Type.Optional(name("IngressClass; without it the cluster's default class.")),
    annotations: Type.Optional(strings('Annotations of the Ingress.')),
    tlsSecretName: Type.Optional(
      name('Secret of this namespace with the certificate (`tls.crt`, `tls.key`); with it the URL is https.'),
    ),
    controllerNamespaceSelector: Type.Optional(
      labelSelector('Namespaces from which the Ingress controller may reach the services; without it, all.'),
    ),
  },
  { description: 'Details of the Ingress.', default: {} },
);

const parentRef = Type.Object({
  group: Type.Optional(Type.String({ description: 'API group of the parent.', maxLength: 253 })),
  kind: Type.Optional(Type.String({ description: 'Kind of the parent.', maxLength: 63 })),
  namespace: Type.Optional(name('Namespace of the parent.')),
  name: name('Name of the parent.'),
  sectionName: Type.Optional(name('Listener of the Gateway.')),
  port: Type.Optional(Type.Integer({ description: 'Port of the Gateway.', minimum: 1, maximum: 65535 })),
});

const exposure = ruled(
  Type.Object(
    {
      host: Type.Optional(
        Type.String({
          description:
            'Host name of the environment; without it the address of the Ingress is its URL. Needed with type Gateway.',
          minLength: 1,
          maxLength: 253,
          pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
        }),
      ),
      type: choice(['Ingress', 'Gateway', 'None'], 'How the environment is reached from outside the cluster.', {
        default: 'Ingress',
      }),
      allowedOrigins: Type.Array(Type.String({ maxLength: 300, pattern: '^https?://[^/\\s?#,]+$' }), {
        description: "Origins of web pages that may call the services, besides the environment's own.",
        default: [],
        maxItems: 64,
      }),
      ingress,
      gateway: Type.Object(
        {
          parentRefs: Type.Array(parentRef, {
            description: 'Gateways that serve the environment.',
            default: [],
            maxItems: 8,
          }),
        },
        { description: 'Details of the HTTPRoute.', default: {} },
      ),
    },
    { description: 'How the environment is reached.', default: {} },
  ),
  [
    {
      rule: "!has(self.type) || self.type != 'Gateway' || (has(self.gateway) && has(self.gateway.parentRefs) && self.gateway.parentRefs.size() > 0)",
      message: 'type Gateway needs gateway.parentRefs',
      fieldPath: '.gateway',
      holds: (value) => value.type !== 'Gateway' || value.gateway.parentRefs.length > 0,
    },
  ],
);

const managed = (storage: string) =>
  Type.Object(
    {
      storage: quantity('Size of the volume.', { default: storage }),
      storageClassName: Type.Optional(name("StorageClass of the volume; without it the cluster's default.")),
      resources: Type.Optional(resourceRequirements),
    },
    { description: 'Run by the operator, with a volume of its own.' },
  );

const external = Type.Object(
  {
    secretName: name(
      'Secret of this namespace with `uri`; optional `adminUri`, `managementUri`, `ca.crt` and `uri.<service>`. Without `adminUri` all services share `uri`.',
    ),
  },
  { description: 'A store that exists already.' },
);

const postgres = ruled(
  Type.Object(
    {
      managed: Type.Optional(managed('10Gi')),
      external: Type.Optional(external),
      cloudNativePG: Type.Optional(
        verbatim<Record<string, unknown>>(
          'A Cluster of CloudNativePG, where its CRDs are installed; fields of its spec.',
        ),
      ),
    },
    { description: 'PostgreSQL, the truth about everything.', default: { managed: {} } },
  ),
  [exactlyOneOf(['managed', 'external', 'cloudNativePG'])],
);

const redis = ruled(
  Type.Object(
    { managed: Type.Optional(managed('1Gi')), external: Type.Optional(external) },
    { description: 'Redis, which makes editing faster and is never the truth.', default: { managed: {} } },
  ),
  [exactlyOneOf(['managed', 'external'])],
);

const rabbitmq = ruled(
  Type.Object(
    {
      managed: Type.Optional(managed('5Gi')),
      external: Type.Optional(external),
      clusterOperator: Type.Optional(
        verbatim<Record<string, unknown>>(
          'A RabbitmqCluster of the RabbitMQ cluster operator, where its CRDs are installed; fields of its spec.',
        ),
      ),
    },
    { description: 'RabbitMQ, which carries events between services.', default: { managed: {} } },
  ),
  [exactlyOneOf(['managed', 'external', 'clusterOperator'])],
);

const auth = ruled(
  Type.Object(
    {
      accessTokenTTL: duration('Life of an access token.', { default: '15m' }),
      refreshTokenTTL: duration('Life of a refresh token.', { default: '720h' }),
      signingKeyRotation: duration('Age at which a signing key is replaced.', { default: '2160h' }),
    },
    { description: 'Tokens.', default: {} },
  ),
  [
    {
      // The API server tries rules on the empty default before the defaults inside are filled in.
      rule: '!has(self.accessTokenTTL) || !has(self.refreshTokenTTL) || duration(self.accessTokenTTL) <= duration(self.refreshTokenTTL)',
      message: 'accessTokenTTL must not be longer than refreshTokenTTL',
      fieldPath: '.accessTokenTTL',
      holds: (value) => durationSeconds(value.accessTokenTTL) <= durationSeconds(value.refreshTokenTTL),
    },
  ],
);

const backup = Type.Object(
  {
    schedule: Type.String({ description: 'When, as a cron expression.', minLength: 1, maxLength: 128 }),
    retention: Type.Optional(duration('How long a backup is kept.')),
    destination: Type.Unsafe<unknown>({
      description: 'Where backups go.',
      'x-kubernetes-preserve-unknown-fields': true,
    }),
  },
  { description: 'Backups of PostgreSQL.' },
);

const restore = Type.Object(
  {
    from: Type.String({ description: 'Backup to start from.', minLength: 1, maxLength: 1024 }),
    at: Type.Optional(Type.String({ description: 'Point in time, RFC 3339.', maxLength: 64 })),
  },
  { description: 'Start a new environment from a backup.' },
);

const semver = '^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$';

const spec = Type.Object(
  {
    version: Type.Optional(
      Type.String({
        description:
          "Release of the four services. The operator's own and the two minor releases before it are honoured; unset follows the operator's release.",
        maxLength: 64,
        pattern: semver,
      }),
    ),
    paused: Type.Boolean({
      description:
        'The operator writes nothing but the status of this resource, which lists what differs in `drift`. Deletion still proceeds.',
      default: false,
    }),
    deletionPolicy: choice(
      ['Retain', 'Delete'],
      'What becomes of volumes with the credentials that open them, of databases and of queues when this resource is deleted.',
      { default: 'Retain' },
    ),
    images,
    exposure,
    services,
    postgres,
    redis,
    rabbitmq,
    auth,
    observability,
    backup: Type.Optional(backup),
    restore: Type.Optional(restore),
  },
  { description: 'What the environment is to be like. Every field is optional.', default: {} },
);

const metadata = Type.Object({
  name: Type.String({ maxLength: 63 }),
  namespace: Type.Optional(Type.String()),
  uid: Type.Optional(Type.String()),
  generation: Type.Optional(Type.Integer()),
  resourceVersion: Type.Optional(Type.String()),
  creationTimestamp: Type.Optional(Type.String()),
  deletionTimestamp: Type.Optional(Type.String()),
  finalizers: Type.Optional(Type.Array(Type.String())),
  labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
});

export const collabEditor = ruled(
  Type.Object(
    {
      apiVersion: Type.Literal('collabeditor.dev/v1alpha1'),
      kind: Type.Literal('CollabEditor'),
      metadata,
      spec,
      status: Type.Optional(status),
    },
    { description: 'A real-time collaborative editing environment.' },
  ),
  [
    {
      rule: "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
      message:
        'metadata.name must be a DNS-1035 label of at most 40 characters: lower-case letters, digits and dashes, a letter first',
      holds: (value) => value.metadata.name.length <= 40 && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(value.metadata.name),
    },
  ],
);
