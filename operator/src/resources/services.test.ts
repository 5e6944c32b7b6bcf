import { describe, expect, it } from '@jest/globals';
import { allManaged, everyKind, sample, sampleInput } from '../../test/sample.ts';
import { containerResources } from './container-resources.ts';
import { publicUrl } from './exposure.ts';
import { desired, manifests } from './index.ts';
import { noFacts } from './types.ts';
import type { Facts, Manifest } from './types.ts';

interface Variable {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string } };
}

describe('environment variables', () => {
  it('[OR9] are those that docs/architecture.md lists', () => {
    const { user, document, realtime, notification } = environments();
    const common = ['POD_NAME', 'NODE_OPTIONS', 'DATABASE_URL', 'AMQP_URL', 'SERVICE_TOKEN'];
    expect(user).toMatchObject({
      ISSUER: 'https://space/team',
      ALLOWED_ORIGINS: '',
      ACCESS_TOKEN_TTL: '15m',
      REFRESH_TOKEN_TTL: '720h',
      ADDRESS_VERIFICATION: 'none',
      SIGNING_KEYS_FILE: '/run/secrets/signing-keys/keys.json',
      DATABASE_URL: 'team-user-service/database-url',
      REDIS_URL: 'team-user-service/redis-url',
      AMQP_URL: 'team-user-service/amqp-url',
      SERVICE_TOKEN: 'team-user-service/service-token',
      PEER_TOKEN_NOTIFICATION: 'team-notification-service/service-token',
    });
    expect(Object.keys(user).toSorted()).toEqual(
      [
        ...common,
        'REDIS_URL',
        'ISSUER',
        'ALLOWED_ORIGINS',
        'PEER_TOKEN_DOCUMENT',
        'PEER_TOKEN_REALTIME',
        'PEER_TOKEN_NOTIFICATION',
        'SIGNING_KEYS_FILE',
        'ACCESS_TOKEN_TTL',
        'REFRESH_TOKEN_TTL',
        'ADDRESS_VERIFICATION',
      ].toSorted(),
    );
    expect(document).toMatchObject({
      USER_SERVICE_URL: 'http://team-user-service:8081',
      REALTIME_SERVICE_URL: 'http://team-realtime-service:8081',
    });
    expect(realtime).toMatchObject({
      MAX_CONNECTIONS: '10000',
      DRAIN_SECONDS: '30',
      DOCUMENT_SERVICE_URL: 'http://team-document-service:8081',
    });
    expect(notification).toMatchObject({
      PUBLIC_URL: 'http://team-document-service.space.svc:8080',
      USER_SERVICE_URL: 'http://team-user-service:8081',
    });
    expect(notification).not.toHaveProperty('REDIS_URL');
    expect(notification).not.toHaveProperty('SMTP_FROM');
  });

  it('[OR9] follow host, mail server and certificates', () => {
    const spec = {
      exposure: {
        host: 'docs.example.com',
        allowedOrigins: ['https://a.example', 'https://b.example'],
        ingress: { tlsSecretName: 'tls' },
      },
      services: {
        notification: { smtp: { secretName: 'mail', from: 'a@b.c' } },
        user: { env: [{ name: 'LOG_LEVEL', value: 'debug' }] },
      },
      postgres: { external: { secretName: 'pg' } },
    };
    const { user, document, notification } = environments(spec, { external: { postgres: { admin: false, ca: true } } });
    expect(user).toMatchObject({
      ADDRESS_VERIFICATION: 'mail',
      LOG_LEVEL: 'debug',
      DATABASE_CA_FILE: '/run/secrets/ca/postgres.crt',
    });
    expect(document).toMatchObject({ ALLOWED_ORIGINS: 'https://a.example,https://b.example' });
    expect(notification).toMatchObject({
      SMTP_URI: 'mail/uri',
      SMTP_PASSWORD: 'mail/password',
      SMTP_FROM: 'a@b.c',
      PUBLIC_URL: 'https://docs.example.com',
    });
  });

  it('[OR9] hold no secret value', () => {
    const { secrets } = desired(sampleInput());
    for (const { manifest } of secrets) {
      expect(manifest).not.toHaveProperty('data');
      expect(manifest).not.toHaveProperty('stringData');
    }
  });
});

describe('migrations', () => {
  it('[OR10] run one after the other as schema owners', () => {
    const [job] = desired(sampleInput()).migration;
    expect(job?.['spec']).toMatchObject({
      template: {
        spec: {
          restartPolicy: 'OnFailure',
          initContainers: [{ name: 'user' }, { name: 'document' }, { name: 'realtime' }],
          containers: [{ name: 'notification', command: ['node', 'dist/main.mjs', 'migrate'] }],
        },
      },
    });
    const text = JSON.stringify(job);
    for (const schema of ['users', 'documents', 'realtime', 'notifications'])
      expect(text).toContain(`"collab_${schema}"`);
    expect(text).toContain('"secretKeyRef":{"name":"team-migrations","key":"realtime-url"}');
  });

  it('[OR10] have a new name when their template changes, and only then', () => {
    const name = (spec: Record<string, unknown>) => desired(sampleInput(spec)).migration[0]?.metadata.name;
    expect(name({})).toMatch(/^team-migrate-[0-9a-f]{10}$/);
    expect(name({ services: { user: { replicas: 5 } } })).toBe(name({}));
    expect(name({ images: { realtime: 'other:1' } })).not.toBe(name({}));
  });

  it('[OR18] grant to nobody where all services share one account', () => {
    const spec = { postgres: { external: { secretName: 'pg' } } };
    const job = (facts: Partial<Facts>) => JSON.stringify(desired(sampleInput(spec, facts)).migration);
    expect(job({ external: { postgres: { admin: true, ca: false } } })).toContain('DATABASE_APP_ROLE');
    expect(job({ external: { postgres: { admin: false, ca: false } } })).not.toContain('DATABASE_APP_ROLE');
  });
});

describe('accounts', () => {
  const keysOf = (spec: Record<string, unknown>, facts: Partial<Facts> = {}) =>
    desired(sampleInput(spec, facts)).secrets.find(({ manifest }) => manifest.metadata.name === 'team-user-service')
      ?.keys;

  it('[OR18] are the services’ own, on managed stores and where there are admin rights', () => {
    expect(keysOf({})).toMatchObject({
      'database-url': {
        kind: 'template',
        template: 'postgresql://collab_users:{password}@team-postgres:5432/collab',
        password: { secret: 'team-user-service', key: 'database-password' },
      },
      'redis-url': { template: 'redis://user:{password}@team-redis:6379' },
      'amqp-url': { template: 'amqp://user:{password}@team-rabbitmq:5672' },
    });
    const external = { postgres: { external: { secretName: 'pg' } } };
    expect(keysOf(external, { external: { postgres: { admin: true, ca: false } } })?.['database-url']).toEqual({
      kind: 'external',
      store: 'postgres',
      secretName: 'pg',
      service: 'user',
      role: { username: 'collab_users', password: { secret: 'team-user-service', key: 'database-password' } },
    });
    const shared = keysOf(external);
    expect(shared?.['database-url']).toMatchObject({ kind: 'external', role: null });
    expect(shared).not.toHaveProperty('database-password');
  });
});

describe('resources', () => {
  it('[OR11] take what is given, leaf by leaf', () => {
    expect(containerResources('redis', undefined)).toEqual({
      requests: { cpu: '20m', memory: '32Mi' },
      limits: { memory: '256Mi' },
    });
    expect(containerResources('redis', { limits: { cpu: 1 } })).toEqual({
      requests: { cpu: '20m', memory: '32Mi' },
      limits: { cpu: 1, memory: '256Mi' },
    });
    expect(containerResources('redis', { requests: { memory: '1Gi' } })).toMatchObject({
      requests: { memory: '1Gi' },
      limits: { memory: '1Gi' },
    });
    expect(containerResources('redis', { limits: { memory: '16Mi' } })).toMatchObject({
      requests: { memory: '16Mi' },
      limits: { memory: '16Mi' },
    });
  });
});

describe('exposure', () => {
  const routesOf = (manifest: Manifest | undefined) => JSON.stringify(manifest?.['spec']);

  it('[OR12] leads paths to services', () => {
    const ingress = child(
      'Ingress',
      sampleInput({
        exposure: {
          host: 'a.example',
          ingress: { className: 'traefik', annotations: { x: 'y' }, tlsSecretName: 'cert' },
        },
      }),
    );
    expect(ingress?.metadata.annotations).toEqual({ x: 'y' });
    expect(ingress?.['spec']).toMatchObject({
      ingressClassName: 'traefik',
      tls: [{ hosts: ['a.example'], secretName: 'cert' }],
      rules: [
        {
          host: 'a.example',
          http: {
            paths: [
              ['/auth', 'user'],
              ['/documents', 'document'],
              ['/ws', 'realtime'],
              ['/', 'document'],
            ].map(([path, service]) => ({
              path,
              pathType: 'Prefix',
              backend: { service: { name: `team-${service ?? ''}-service`, port: { name: 'http' } } },
            })),
          },
        },
      ],
    });
    expect(child('Ingress', sampleInput())?.['spec']).not.toHaveProperty('tls');
    expect(routesOf(ingress)).not.toContain('grafana');
    expect(routesOf(child('Ingress', sampleInput(allManaged)))).toContain(
      '{"path":"/grafana","pathType":"Prefix","backend":{"service":{"name":"team-grafana","port":{"name":"http"}}}},{"path":"/"',
    );
    const gateway = sampleInput(
      {
        ...allManaged,
        exposure: { type: 'Gateway', gateway: { parentRefs: [{ name: 'edge' }] } },
      },
      { installed: { ...noFacts.installed, httpRoute: true } },
    );
    expect(child('Ingress', gateway)).toBeUndefined();
    expect(routesOf(child('HTTPRoute', gateway))).toContain(
      '{"path":{"type":"PathPrefix","value":"/ws"}}],"backendRefs":[{"name":"team-realtime-service","port":8080}]',
    );
    expect(routesOf(child('HTTPRoute', gateway))).toContain(
      '{"path":{"type":"PathPrefix","value":"/grafana"}}],"backendRefs":[{"name":"team-grafana","port":3000}]',
    );
    for (const port of ['8081', '9090', 'internal', 'telemetry']) {
      expect(routesOf(child('HTTPRoute', gateway)) + routesOf(ingress)).not.toContain(port);
    }
    expect(desired(sampleInput({ exposure: { type: 'None' } })).exposure.every(({ kind }) => kind === 'Service')).toBe(
      true,
    );
  });

  it('[OR13] has a URL', () => {
    const url = (exposure: Record<string, unknown>, address: string | null = null) =>
      publicUrl(sample({ exposure }).spec, { address });
    expect(url({})).toBeNull();
    expect(url({}, '192.0.2.1')).toBe('http://192.0.2.1');
    expect(url({}, '2001:db8::1')).toBe('http://[2001:db8::1]');
    expect(url({ host: 'a.example' })).toBe('http://a.example');
    expect(url({ host: 'a.example', ingress: { tlsSecretName: 'c' } }, '192.0.2.1')).toBe('https://a.example');
    expect(url({ type: 'None' }, '192.0.2.1')).toBeNull();
  });
});

describe('scale', () => {
  const autoscaling = { services: { realtime: { autoscaling: { minReplicas: 2, maxReplicas: 5 } } } };
  const replicas = (facts: Partial<Facts>) =>
    (child('Deployment', sampleInput(autoscaling, facts), 'team-realtime-service')?.['spec'] as { replicas?: number })
      .replicas;

  it('[OR14] follows the autoscaler', () => {
    expect(child('HorizontalPodAutoscaler', sampleInput(autoscaling))?.['spec']).toMatchObject({
      minReplicas: 2,
      maxReplicas: 5,
      scaleTargetRef: { name: 'team-realtime-service' },
    });
    expect(replicas({})).toBe(2);
    expect(replicas({ replicas: { realtime: 4 } })).toBe(4);
    expect(replicas({ replicas: { realtime: null } })).toBeUndefined();
  });

  it('[OR17] lets one pod go at a time', () => {
    const budgets = manifests(desired(sampleInput())).filter(({ kind }) => kind === 'PodDisruptionBudget');
    expect(budgets).toHaveLength(4);
    for (const { spec } of budgets) expect(spec).toMatchObject({ maxUnavailable: 1 });
  });
});

describe('monitoring', () => {
  const of = (type: string, podMonitor: boolean) => {
    const input = sampleInput(
      { observability: { metrics: { type } } },
      { installed: { ...noFacts.installed, podMonitor } },
    );
    return {
      monitors: desired(input).monitoring.filter(({ kind }) => kind === 'PodMonitor').length,
      annotated: JSON.stringify(manifests(desired(input))).includes('prometheus.io/scrape'),
    };
  };

  it('[OR15] is told the way that the cluster knows', () => {
    expect(of('Auto', true)).toEqual({ monitors: 1, annotated: false });
    expect(of('Auto', false)).toEqual({ monitors: 0, annotated: true });
    expect(of('Annotations', true)).toEqual({ monitors: 0, annotated: true });
    expect(of('PodMonitor', false)).toEqual({ monitors: 0, annotated: false });
    expect(of('Managed', true)).toEqual({ monitors: 0, annotated: false });
    expect(of('None', true)).toEqual({ monitors: 0, annotated: false });
  });

  it('[OR15] brings its alerts along', () => {
    const rule = child('PrometheusRule', sampleInput({}, { installed: everyKind }));
    expect(rule?.metadata.name).toBe('team-alerts');
    const text = JSON.stringify(rule?.['spec']);
    expect(text).toContain('"alert":"CollabServiceDown"');
    expect(text).toContain('namespace=\\"space\\"');
    const without = sampleInput({}, { installed: { ...everyKind, prometheusRule: false } });
    expect(child('PrometheusRule', without)).toBeUndefined();
    expect(child('PodMonitor', without)).toBeDefined();
  });
});

function child(kind: string, input: ReturnType<typeof sampleInput>, name?: string): Manifest | undefined {
  return manifests(desired(input)).find(
    (manifest) => manifest.kind === kind && (name === undefined || manifest.metadata.name === name),
  );
}

/** Variables by service; a reference reads `secret/key`. */
function environments(spec: Record<string, unknown> = {}, facts: Partial<Facts> = {}) {
  const of = (service: string) => {
    const deployment = child('Deployment', sampleInput(spec, facts), `team-${service}-service`);
    const template = deployment?.['spec'] as { template: { spec: { containers: { env: Variable[] }[] } } } | undefined;
    const variables = template?.template.spec.containers[0]?.env ?? [];
    return Object.fromEntries(
      variables.map(({ name, value, valueFrom }) => [
        name,
        value ?? `${valueFrom?.secretKeyRef?.name ?? ''}/${valueFrom?.secretKeyRef?.key ?? ''}`,
      ]),
    );
  };
  return { user: of('user'), document: of('document'), realtime: of('realtime'), notification: of('notification') };
}
