/** Specs that are refused, with the field that the answer must name. The schema and the API server are held against the same list. */
const table: readonly { spec: Record<string, unknown>; field: string }[] = [
  { spec: { services: { user: { replicas: -1 } } }, field: 'spec.services.user.replicas' },
  { spec: { services: { user: { replicas: 'two' } } }, field: 'spec.services.user.replicas' },
  { spec: { services: { realtime: { maxConnections: 0 } } }, field: 'spec.services.realtime.maxConnections' },
  { spec: { services: { realtime: { drainSeconds: -5 } } }, field: 'spec.services.realtime.drainSeconds' },
  {
    spec: { services: { user: { autoscaling: { minReplicas: 3, maxReplicas: 2 } } } },
    field: 'spec.services.user.autoscaling',
  },
  { spec: { services: { user: { autoscaling: {} } } }, field: 'spec.services.user.autoscaling' },
  {
    spec: { services: { document: { env: [{ name: 'DATABASE_URL', value: 'x' }] } } },
    field: 'spec.services.document.env',
  },
  { spec: { services: { document: { env: [{ name: '1X', value: 'x' }] } } }, field: 'spec.services.document.env' },
  {
    spec: { services: { user: { resources: { limits: { memory: 'much' } } } } },
    field: 'spec.services.user.resources.limits',
  },
  { spec: { services: { notification: { smtp: { from: 'a@b.c' } } } }, field: 'spec.services.notification.smtp' },
  { spec: { postgres: { managed: {}, external: { secretName: 'x' } } }, field: 'spec.postgres' },
  { spec: { postgres: {} }, field: 'spec.postgres' },
  { spec: { redis: { managed: {}, external: { secretName: 'x' } } }, field: 'spec.redis' },
  { spec: { rabbitmq: { external: {} } }, field: 'spec.rabbitmq.external' },
  { spec: { postgres: { managed: { storage: '10 gigabytes' } } }, field: 'spec.postgres.managed.storage' },
  { spec: { postgres: { managed: { storage: '-1Gi' } } }, field: 'spec.postgres.managed.storage' },
  { spec: { auth: { accessTokenTTL: '1d' } }, field: 'spec.auth.accessTokenTTL' },
  { spec: { auth: { accessTokenTTL: '0s' } }, field: 'spec.auth.accessTokenTTL' },
  { spec: { auth: { accessTokenTTL: '20m', refreshTokenTTL: '10m' } }, field: 'spec.auth' },
  { spec: { exposure: { type: 'LoadBalancer' } }, field: 'spec.exposure.type' },
  { spec: { exposure: { type: 'Gateway' } }, field: 'spec.exposure' },
  { spec: { exposure: { host: 'Not a host' } }, field: 'spec.exposure.host' },
  { spec: { exposure: { allowedOrigins: ['example.com'] } }, field: 'spec.exposure.allowedOrigins' },
  { spec: { deletionPolicy: 'Keep' }, field: 'spec.deletionPolicy' },
  { spec: { paused: 'yes' }, field: 'spec.paused' },
  { spec: { version: 'latest' }, field: 'spec.version' },
  { spec: { images: { pullPolicy: 'Sometimes' } }, field: 'spec.images.pullPolicy' },
  { spec: { images: { user: '' } }, field: 'spec.images.user' },
  { spec: { observability: { metrics: { type: 'Statsd' } } }, field: 'spec.observability.metrics.type' },
  { spec: { observability: { logs: true } }, field: 'spec.observability.logs' },
  { spec: { observability: { retention: { logs: '23h' } } }, field: 'spec.observability.retention.logs' },
  { spec: { observability: { retention: { metrics: '1h' } } }, field: 'spec.observability.retention.metrics' },
  { spec: { observability: { storage: { metrics: 'much' } } }, field: 'spec.observability.storage.metrics' },
  { spec: { observability: { storage: { storageClassName: '' } } }, field: 'spec.observability.storage' },
  {
    spec: { observability: { metrics: { type: 'Managed', alertmanagerURL: 'http://user:word@alerts' } } },
    field: 'spec.observability.metrics.alertmanagerURL',
  },
  {
    spec: { observability: { metrics: { type: 'Annotations', alertmanagerURL: 'http://alerts:9093' } } },
    field: 'spec.observability.metrics',
  },
];

/** The table, each row with its text for a test's name. */
export const wrongSpecs = table.map((row) => ({ ...row, text: JSON.stringify(row.spec) }));

export const wrongNames: readonly string[] = ['1team', 'a.b', 'team-', `a${'b'.repeat(40)}`];
