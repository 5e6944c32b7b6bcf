import { describe, expect, it } from '@jest/globals';
import { judge, living, waitingContainer, withChild, withPod } from '../../test/living.ts';
import { allManaged, everyKind } from '../../test/sample.ts';
import { noFacts } from '../resources/types.ts';
import type { Observed } from './observed.ts';

describe('MonitoringReady', () => {
  it('[OS15, OS3] is watched, and Ready without it', () => {
    const wanted = living({ observability: { metrics: { type: 'PodMonitor' } } });
    expect(judge(wanted, 'MonitoringReady')[1]).toBe('PodMonitorMissing');
    expect(judge(wanted, 'Ready')[0]).toBe('True');
    expect(judge(wanted, 'Progressing')[0]).toBe('True');
    const installed = living({}, { installed: { ...noFacts.installed, podMonitor: true } });
    expect(judge(installed, 'MonitoringReady').slice(0, 2)).toEqual(['True', 'PodMonitor']);
    expect(judge(withChild(installed, 'PodMonitor/team-metrics', null), 'MonitoringReady')[1]).toBe('Waiting');
    expect(judge(living({ observability: { metrics: { type: 'None' } } }), 'MonitoringReady')[1]).toBe('NotWanted');
  });

  it('[OS15, OS3, OS5] is of everything that is Managed, and keeps nobody from editing', () => {
    const managed = living(allManaged);
    expect(judge(managed, 'MonitoringReady')).toEqual([
      'True',
      'Managed',
      'Prometheus team-prometheus watches the pods. Loki team-loki keeps the lines that the log collector ships. Grafana team-grafana shows the dashboards.',
    ]);
    const logs = living({ observability: { logs: 'Managed' } });
    expect(judge(logs, 'MonitoringReady').slice(1)).toEqual([
      'Annotations',
      'The pods carry prometheus.io annotations. Loki team-loki keeps the lines that the log collector ships.',
    ]);
    const starting = { status: { observedGeneration: 1, updatedReplicas: 1, readyReplicas: 0 } };
    for (const workload of ['StatefulSet/team-prometheus', 'StatefulSet/team-loki', 'Deployment/team-grafana']) {
      const name = workload.replace('/', ' ');
      const gone = withChild(managed, workload, null);
      expect(judge(gone, 'MonitoringReady')).toEqual(['False', 'Waiting', `${name} is not there yet.`]);
      const notYet = withChild(managed, workload, starting);
      expect(judge(notYet, 'MonitoringReady').slice(1)).toEqual(['Starting', expect.stringContaining(name)]);
      expect(judge(notYet, 'Ready')[0]).toBe('True');
      expect(judge(notYet, 'Degraded')[0]).toBe('False');
    }
    for (const object of ['RoleBinding/team-prometheus', 'ConfigMap/team-dashboards']) {
      expect(judge(withChild(managed, object, null), 'MonitoringReady')).toEqual([
        'False',
        'Waiting',
        `Not there yet: ${object.replace('/', ' ')}.`,
      ]);
    }
  });

  it('[OS15, OS5] names the pod of a program that can’t run', () => {
    const pulling = withPod(living(allManaged), 'grafana', waitingContainer('ImagePullBackOff', 'no such image'));
    expect(judge(pulling, 'MonitoringReady')).toEqual([
      'False',
      'ImagePullBackOff',
      'Pod team-grafana-x, container main: no such image',
    ]);
    expect(judge(pulling, 'Degraded')[0]).toBe('False');
    const unbound = withPod(living(allManaged), 'loki', {
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message: 'pod has unbound immediate PersistentVolumeClaims',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    });
    expect(judge(unbound, 'MonitoringReady').slice(1)).toEqual([
      'Unschedulable',
      'Pod team-loki-x: pod has unbound immediate PersistentVolumeClaims',
    ]);
    const refused = { status: { conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' }] } };
    expect(judge(withChild(living(allManaged), 'Deployment/team-grafana', refused), 'MonitoringReady')).toEqual([
      'False',
      'PodsRefused',
      'Deployment team-grafana: exceeded quota',
    ]);
  });

  it('[OS21] needs the log collector for a Loki', () => {
    const collector = (status: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'collector-x' },
      status: { conditions: [{ type: 'Ready', status }] },
    });
    const reason = (collectors: Observed['collectors'], spec: Record<string, unknown> = allManaged) =>
      judge({ ...living(spec), collectors }, 'MonitoringReady')[1];
    expect(reason([])).toBe('CollectorMissing');
    expect(reason([collector('False')])).toBe('CollectorNotReady');
    expect(reason([collector('False'), collector('True')])).toBe('Managed');
    expect(reason(undefined)).toBe('Managed');
    expect(reason([], {})).toBe('Annotations');
  });

  it('[OS15] says where a kind that is there brings no alerts', () => {
    const one = living({}, { installed: { ...noFacts.installed, podMonitor: true } });
    expect(judge(one, 'MonitoringReady')[2]).toContain('no alerts');
    const all = living({}, { installed: everyKind });
    expect(judge(all, 'MonitoringReady')[2]).toBe('PodMonitor team-metrics selects the pods.');
    const without = withChild(all, 'PrometheusRule/team-alerts', null);
    expect(judge(without, 'MonitoringReady')).toEqual([
      'False',
      'Waiting',
      'Not there yet: PrometheusRule team-alerts.',
    ]);
  });
});
