import { describe, expect, it } from '@jest/globals';
import { conditionTypes, stages } from '../api/schema-status.ts';
import { noFacts } from '../resources/types.ts';
import { judge, living, now, waitingContainer, withChild, withPod } from '../../test/living.ts';
import { conditions, stageDone, statusOf } from './index.ts';
import type { Observed } from './observed.ts';

const failed = (reason: string, message: string) => ({ state: 'failed', problem: { reason, message } }) as const;

describe('an environment at rest', () => {
  it('[OS1, OS3, OS4, OS5] is Ready and nothing else', () => {
    const all = conditions(living(), [], now);
    expect(all.map(({ type }) => type)).toEqual([...conditionTypes]);
    for (const { type, status, reason, message, observedGeneration } of all) {
      expect(`${type}=${status}`).toBe(
        `${type}=${['Degraded', 'Progressing', 'Paused'].includes(type) ? 'False' : 'True'}`,
      );
      expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(message).toMatch(/^[A-Z].*\.$|^spec\..*\.$/);
      expect(observedGeneration).toBe(1);
    }
    expect(stages.every((stage) => stageDone(all, stage))).toBe(true);
  });

  it('[OS17] has version, URL and a line per service', () => {
    expect(statusOf(living(), now)).toMatchObject({
      observedGeneration: 1,
      version: '0.3.0',
      url: 'http://192.0.2.7',
      servicesReady: '4/4',
      services: ['user', 'document', 'realtime', 'notification'].map((name) => ({
        name,
        ready: 1,
        desired: 1,
        version: '0.3.0',
      })),
    });
    const before = living();
    const mixed = withPod(before, 'user-service', {}, { 'app.kubernetes.io/version': '0.4.0' });
    const previous = { ...mixed.resource, status: { version: '0.3.0' } };
    const status = statusOf({ ...mixed, resource: previous }, now);
    expect(status.version).toBe('0.3.0');
    expect(status.services?.[0]).toEqual({ name: 'user', ready: 1, desired: 1 });
  });

  it('[OS20] keeps what it said of a stage that was not looked at', () => {
    const unasked = { state: 'unasked' } as const;
    const checks = { postgres: unasked, redis: unasked, rabbitmq: unasked, topology: unasked };
    const said = conditions(living(), [], now);
    const before = living({ paused: true });
    const resource = { ...before.resource, status: { conditions: said } };
    const type = (name: string) =>
      conditions({ ...before, resource, checks }, said, now).find((one) => one.type === name);
    expect(type('Ready')?.status).toBe('True');
    expect(type('TopologyReady')).toEqual(said.find((one) => one.type === 'TopologyReady'));
    const fresh = conditions({ ...living(), checks }, [], now);
    expect(fresh.find((one) => one.type === 'DatabaseReady')).toMatchObject({ status: 'False', reason: 'Waiting' });
  });

  it('[OS2] keeps its times', () => {
    const first = conditions(living(), [], '2026-01-01T00:00:00Z');
    expect(conditions(living(), first, now)).toEqual(first);
    const shaken = conditions(
      { ...living(), checks: { ...living().checks, redis: failed('Unreachable', 'Redis is away.') } },
      first,
      now,
    );
    const moved = shaken.filter(({ lastTransitionTime }) => lastTransitionTime === now).map(({ type }) => type);
    expect(moved).toEqual(['Ready', 'Progressing', 'CacheReady']);
  });
});

describe('secrets and stores', () => {
  it('[OS6] name the Secret', () => {
    expect(judge(withChild(living(), 'Secret/team-redis', null), 'SecretsReady')).toEqual([
      'False',
      'Waiting',
      'Not complete yet: Secret team-redis.',
    ]);
    expect(judge(withChild(living(), 'Secret/team-signing-keys', { data: {} }), 'SecretsReady')[2]).toContain(
      'team-signing-keys',
    );
    const message = 'Secret mail does not exist.';
    const missing = { ...living(), problems: [{ reason: 'SecretMissing', message }] };
    expect(judge(missing, 'SecretsReady')).toEqual(['False', 'SecretMissing', message]);
    expect(judge(missing, 'Ready')).toEqual(['False', 'SecretMissing', message]);
    expect(judge(missing, 'Degraded')).toEqual(['True', 'SecretMissing', message]);
  });

  it('[OS7] follow the StatefulSet and the accounts', () => {
    expect(judge(withChild(living(), 'StatefulSet/team-postgres', null), 'DatabaseReady')[2]).toContain(
      'StatefulSet team-postgres',
    );
    const starting = { status: { observedGeneration: 1, updatedReplicas: 1, readyReplicas: 0 } };
    expect(judge(withChild(living(), 'StatefulSet/team-redis', starting), 'CacheReady')).toEqual([
      'False',
      'Starting',
      expect.stringContaining('team-redis'),
    ]);
    const old = { status: { observedGeneration: 0, updatedReplicas: 1, readyReplicas: 1 } };
    expect(judge(withChild(living(), 'StatefulSet/team-rabbitmq', old), 'BrokerReady')[1]).toBe('Starting');
    const unchecked: Observed = {
      ...living(),
      checks: {
        ...living().checks,
        postgres: { state: 'waiting' },
        topology: failed('TopologyConflict', 'Queue notifications is another.'),
      },
    };
    expect(judge(unchecked, 'DatabaseReady')[1]).toBe('Waiting');
    expect(judge(unchecked, 'TopologyReady')).toEqual(['False', 'TopologyConflict', 'Queue notifications is another.']);
    expect(
      judge({ ...living(), checks: { ...living().checks, topology: { state: 'waiting' } } }, 'TopologyReady')[1],
    ).toBe('Waiting');
  });

  it('[OS8] say that credentials are shared', () => {
    const note = { reason: 'SharedCredentials', message: 'All services use one account.' };
    const shared: Observed = {
      ...living(),
      checks: { ...living().checks, postgres: { state: 'ok', note }, topology: { state: 'ok', note } },
    };
    expect(judge(shared, 'DatabaseReady')).toEqual(['True', note.reason, note.message]);
    expect(judge(shared, 'TopologyReady')[1]).toBe('SharedCredentials');
    expect(judge(shared, 'Ready')[0]).toBe('True');
  });

  it('[OS9] say data of another version', () => {
    const message = 'DataVersion: the volume holds data of version 16, the image brings version 17\n';
    const wrong = withPod(living(), 'postgres', {
      initContainerStatuses: [{ name: 'prepare', state: { terminated: { message } } }],
    });
    expect(judge(wrong, 'DatabaseReady')).toEqual([
      'False',
      'DataVersion',
      expect.stringMatching(/Pod team-postgres-x.*version 16.*version 17/),
    ]);
    expect(judge(wrong, 'Degraded').slice(0, 2)).toEqual(['True', 'DataVersion']);
  });

  it('[OS19] are problems where they are external', () => {
    const away = failed('Unreachable', "PostgreSQL can't be reached.");
    const checks = { ...living().checks, postgres: away };
    expect(judge({ ...living(), checks }, 'Degraded')[0]).toBe('False');
    const external = { ...living({ postgres: { external: { secretName: 'pg' } } }), checks };
    expect(judge(external, 'Degraded')).toEqual(['True', 'Unreachable', "PostgreSQL can't be reached."]);
    expect(judge(external, 'DatabaseReady')[1]).toBe('Unreachable');
  });
});

describe('pods', () => {
  it('[OS10] that can’t run are named', () => {
    for (const reason of ['ImagePullBackOff', 'ErrImagePull', 'CreateContainerConfigError', 'RunContainerError']) {
      const stuck = withPod(living(), 'user-service', waitingContainer(reason, 'because of this'));
      const expected = [reason, 'Pod team-user-service-x, container main: because of this'];
      expect(judge(stuck, 'ServicesAvailable').slice(1)).toEqual(expected);
      expect(judge(stuck, 'Degraded').slice(1)).toEqual(expected);
    }
    const crash = {
      containerStatuses: [
        {
          name: 'main',
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 78 } },
        },
      ],
    };
    expect(judge(withPod(living(), 'realtime-service', crash), 'ServicesAvailable')[2]).toMatch(
      /team-realtime-service-x.*78/,
    );
    expect(judge(withPod(living(), 'user-service', waitingContainer('ContainerCreating')), 'Degraded')[0]).toBe(
      'False',
    );
    const refused = {
      conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' }],
      observedGeneration: 1,
    };
    expect(judge(withChild(living(), 'Deployment/team-user-service', { status: refused }), 'Degraded')).toEqual([
      'True',
      'PodsRefused',
      'Deployment team-user-service: exceeded quota',
    ]);
  });

  it('[OS5] are counted', () => {
    const two = withPod(
      withPod(living(), 'redis', waitingContainer('ErrImagePull', 'a')),
      'user-service',
      waitingContainer('ErrImagePull', 'b'),
    );
    expect(judge(two, 'Degraded')[2]).toBe('Pod team-redis-x, container main: a (and 1 more)');
  });

  it('[OS11] that can’t be placed are a problem after 30 seconds', () => {
    const unplaced = (lastTransitionTime: string) =>
      withPod(living(), 'postgres', {
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: 'no node fits',
            lastTransitionTime,
          },
        ],
      });
    expect(judge(unplaced('2026-01-01T00:09:40Z'), 'Degraded')[0]).toBe('False');
    expect(judge(unplaced('2026-01-01T00:09:29Z'), 'Degraded')).toEqual([
      'True',
      'Unschedulable',
      'Pod team-postgres-x: no node fits',
    ]);
  });
});

describe('the rollout', () => {
  const job = (observed: Observed) => `Job/${observed.desired.migration[0]?.metadata.name ?? ''}`;

  it('[OS12] migrates first', () => {
    const observed = living();
    expect(judge(withChild(observed, job(observed), null), 'Migrated')[1]).toBe('Waiting');
    const running = withChild(observed, job(observed), { status: {} });
    expect(judge(running, 'Migrated')[1]).toBe('Migrating');
    const label = { 'batch.kubernetes.io/job-name': job(observed).slice('Job/'.length) };
    const steps = {
      initContainerStatuses: [
        { name: 'user', state: { terminated: { reason: 'Completed' } } },
        {
          name: 'document',
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { reason: 'Error', exitCode: 1 } },
        },
      ],
    };
    expect(judge(withPod(running, 'migrations', steps, label), 'Migrated')).toEqual([
      'False',
      'MigrationFailing',
      expect.stringMatching(/step document.*team-migrations-x/),
    ]);
    expect(judge(withPod(running, 'migrations', steps, label), 'Degraded')[0]).toBe('True');
    const pulling = withPod(running, 'migrations', waitingContainer('ErrImagePull', 'no such image'), label);
    expect(judge(pulling, 'Migrated').slice(1)).toEqual(['ErrImagePull', expect.stringContaining('no such image')]);
  });

  it('[OS13] ends with every pod of every service', () => {
    const half = {
      status: { observedGeneration: 1, replicas: 2, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2 },
    };
    const rolling = withChild(living({ services: { user: { replicas: 2 } } }), 'Deployment/team-user-service', half);
    expect(judge(rolling, 'ServicesAvailable')).toEqual([
      'False',
      'RollingOut',
      expect.stringContaining('team-user-service'),
    ]);
    expect(statusOf(rolling, now).servicesReady).toBe('3/4');
    const zero = living({ services: { document: { replicas: 0 } } });
    expect(judge(zero, 'ServicesAvailable')).toEqual([
      'False',
      'ScaledToZero',
      'spec.services.document.replicas is 0.',
    ]);
    let none = living();
    for (const service of ['user', 'document', 'realtime', 'notification'])
      none = withChild(none, `Deployment/team-${service}-service`, null);
    expect(judge(none, 'ServicesAvailable')[1]).toBe('Waiting');
    expect(statusOf(none, now).servicesReady).toBe('0/4');
  });

  it('[OS14] is reached from outside', () => {
    expect(judge(living({}, { address: null }), 'Exposed')).toEqual([
      'False',
      'NoAddress',
      expect.stringContaining('Ingress team-ingress'),
    ]);
    expect(judge(withChild(living(), 'Ingress/team-ingress', null), 'Exposed')[1]).toBe('Waiting');
    expect(judge(living({ exposure: { type: 'None' } }), 'Exposed').slice(0, 2)).toEqual(['True', 'NotWanted']);
    const gateway = { exposure: { type: 'Gateway', host: 'a.example', gateway: { parentRefs: [{ name: 'edge' }] } } };
    expect(judge(living(gateway), 'Exposed')[1]).toBe('GatewayAPIMissing');
    const routed = living(gateway, { installed: { ...noFacts.installed, httpRoute: true } });
    expect(judge(routed, 'Exposed')[1]).toBe('NoGateway');
    const hostless = { exposure: { type: 'Gateway', gateway: { parentRefs: [{ name: 'edge' }] } } };
    const nowhere = living(hostless, { installed: { ...noFacts.installed, httpRoute: true }, address: null });
    const accepted = {
      status: { parents: [{ conditions: ['Accepted', 'ResolvedRefs'].map((type) => ({ type, status: 'True' })) }] },
    };
    expect(judge(withChild(nowhere, 'HTTPRoute/team-route', accepted), 'Exposed')[1]).toBe('HostNeeded');
    const parent = (accepted: string) => ({
      status: {
        parents: [
          {
            parentRef: { name: 'edge' },
            conditions: [
              { type: 'Accepted', status: accepted, message: 'no listener' },
              { type: 'ResolvedRefs', status: 'True' },
            ],
          },
        ],
      },
    });
    expect(judge(withChild(routed, 'HTTPRoute/team-route', parent('False')), 'Exposed')).toEqual([
      'False',
      'RouteNotAccepted',
      expect.stringMatching(/edge.*no listener/),
    ]);
    expect(judge(withChild(routed, 'HTTPRoute/team-route', parent('True')), 'Exposed')).toEqual([
      'True',
      'Ready',
      'The environment is at http://a.example.',
    ]);
  });

  it('[OS22] has no door without a certificate in force', () => {
    const of = (state: 'valid' | 'expired' | 'malformed' | 'missing') =>
      judge({ ...living(), certificate: { secret: 'cert', state } }, 'Exposed');
    expect(of('valid')[0]).toBe('True');
    expect(of('missing')).toEqual([
      'False',
      'SecretMissing',
      'Secret cert, named by spec.exposure.ingress.tlsSecretName, does not exist.',
    ]);
    expect(of('malformed').slice(0, 2)).toEqual(['False', 'CertificateInvalid']);
    expect(of('expired').slice(0, 2)).toEqual(['False', 'CertificateExpired']);
  });

  it('[OS4, OS16] rests while paused and says what differs', () => {
    const drift = [{ object: 'Deployment/team-user-service', field: 'spec.replicas' }];
    const paused = { ...withChild(living({ paused: true }), 'Ingress/team-ingress', null), drift };
    expect(judge(paused, 'Paused').slice(0, 2)).toEqual(['True', 'Paused']);
    expect(judge(paused, 'Progressing').slice(0, 2)).toEqual(['False', 'Paused']);
    expect(statusOf(paused, now).drift).toEqual(drift);
    expect(statusOf({ ...living(), drift }, now)).not.toHaveProperty('drift');
  });
});

describe('problems', () => {
  it('[OS18, OS4] of the version stop the rollout', () => {
    const observed = living({ version: '9.0.0' });
    const old = withChild(observed, `Job/${observed.desired.migration[0]?.metadata.name ?? ''}`, null);
    for (const type of ['Ready', 'Progressing'] as const)
      expect(judge(old, type).slice(0, 2)).toEqual(['False', 'UnsupportedVersion']);
    expect(judge(old, 'Degraded')).toEqual([
      'True',
      'UnsupportedVersion',
      expect.stringMatching(/9\.0\.0.*0\.1 to 0\.3/),
    ]);
  });

  it('[OS18] of fields and volumes are said', () => {
    const unsupported = living({ backup: { schedule: '@daily', destination: {} } });
    expect(judge(unsupported, 'Degraded')).toEqual(['True', 'NotSupportedYet', expect.stringContaining('spec.backup')]);
    expect(judge(unsupported, 'Ready')[0]).toBe('True');
    expect(judge(living({ postgres: { cloudNativePG: {} } }), 'DatabaseReady')[1]).toBe('NotSupportedYet');
    const larger = living(
      { postgres: { managed: { storage: '20Gi' } } },
      { volumes: { postgres: { storage: '10Gi' } } },
    );
    expect(judge(larger, 'Degraded')).toEqual([
      'True',
      'VolumeNotChangeable',
      expect.stringContaining('data-team-postgres-0'),
    ]);
    const logs = { observability: { logs: 'Managed', storage: { logs: '20Gi' } } };
    expect(judge(living(logs, { volumes: { loki: { storage: '10Gi' } } }), 'Degraded')).toEqual([
      'True',
      'VolumeNotChangeable',
      expect.stringMatching(/^spec\.observability\.storage .*data-team-loki-0/),
    ]);
    const same = living(
      { postgres: { managed: { storage: '10240Mi' } } },
      { volumes: { postgres: { storage: '10Gi' } } },
    );
    expect(judge(same, 'Degraded')[0]).toBe('False');
  });
});
