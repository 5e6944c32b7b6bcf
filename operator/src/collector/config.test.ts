import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { featureGates } from '../../test/logs.ts';
import { at, listAt, textAt } from '../kube/json.ts';
import { collectorConfig } from './config.ts';
import { componentName, ownerOfFile } from './environment.ts';
import { inCluster } from './settings.ts';

const environments = [
  { namespace: 'b', name: 'team' },
  { namespace: 'a', name: 'team' },
  { namespace: 'a', name: 'team-b' },
];

describe('the configuration', () => {
  it('[OL15] is the same in whatever order the environments come', () => {
    expect(collectorConfig([...environments].reverse())).toBe(collectorConfig(environments));
    expect(environments).toEqual([...environments]);
  });

  it('[OL15] has a receiver, a route, a pipeline and an exporter of each environment', () => {
    const config: unknown = parse(collectorConfig(environments));
    const names = environments.map(componentName).sort();
    const keys = (...path: string[]) => Object.keys(at(config, ...path) ?? {}).sort();
    expect(keys('receivers')).toEqual(names.map((name) => `file_log/${name}`));
    expect(keys('exporters')).toEqual(names.map((name) => `otlp_http/${name}`));
    expect(keys('service', 'pipelines')).toEqual(['logs', ...names.map((name) => `logs/${name}`)]);
    expect(listAt(config, 'connectors', 'routing', 'table').map((route) => at(route, 'pipelines', 0))).toEqual(
      names.map((name) => `logs/${name}`),
    );
    expect(at(config, 'connectors', 'routing', 'default_pipelines')).toBeUndefined();
    expect(at(config, 'exporters', 'otlp_http/a.team', 'endpoint')).toBe('http://team-loki.a.svc:3100/otlp');
  });

  it('[OL15] has no string that the collector would expand', () => {
    const text = collectorConfig(environments);
    expect(text.replaceAll('$$', '')).not.toContain('$');
    expect(text).toContain('(?P<text>.*)$$');
  });

  it('[OL16] has no component that leads nowhere when there is no environment', () => {
    const config: unknown = parse(collectorConfig([]));
    expect(at(config, 'receivers')).toBeUndefined();
    expect(at(config, 'service', 'pipelines')).toEqual({});
  });
});

it('[OL24] knows whose the files of the collector are', () => {
  expect(ownerOfFile('receiver_filelog_a-b.team-two')).toBe('a-b.team-two');
  expect(ownerOfFile('exporter_otlp_http_a.team_logs')).toBe('a.team');
  for (const other of ['tempdb123', 'extension_x', 'exporter_otlp_http_team_logs']) {
    expect(ownerOfFile(other)).toBeUndefined();
  }
});

describe('config/logs', () => {
  const folder = join(import.meta.dirname, '../../../config/logs');
  const objects = readdirSync(folder)
    .filter((file) => file !== 'kustomization.yaml')
    .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((one) => one.toJS() as unknown));
  const kind = (wanted: string) => objects.find((object) => textAt(object, 'kind') === wanted);
  const pod = at(kind('DaemonSet'), 'spec', 'template', 'spec');
  const containers = [...listAt(pod, 'initContainers'), ...listAt(pod, 'containers')];

  it('[OL21] has containers without capabilities that can write only where they have to', () => {
    expect(containers.map((container) => textAt(container, 'name'))).toEqual(['configuration', 'collector']);
    for (const container of containers) {
      expect(at(container, 'securityContext')).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(textAt(container, 'resources', 'limits', 'memory')).toBeDefined();
    }
    const writable = containers.flatMap((container) =>
      listAt(container, 'volumeMounts')
        .filter((mount) => at(mount, 'readOnly') !== true)
        .map((mount) => `${textAt(container, 'name')} ${textAt(mount, 'mountPath')}`),
    );
    expect(writable).toEqual([
      'configuration /run/collector',
      `configuration ${inCluster.storage}`,
      `collector ${inCluster.storage}`,
    ]);
    expect(at(pod, 'hostNetwork')).toBeUndefined();
    expect(at(pod, 'hostPID')).toBeUndefined();
  });

  it('[OL21] mounts two folders of the node, those of the configuration', () => {
    const paths = listAt(pod, 'volumes').flatMap((volume) => textAt(volume, 'hostPath', 'path') ?? []);
    expect(paths).toEqual([inCluster.podLogs, inCluster.storage]);
    const mounts = listAt(containers[1], 'volumeMounts').map((mount) => textAt(mount, 'mountPath'));
    expect(mounts).toEqual(expect.arrayContaining(paths));
  });

  it('[OL21] may read pods and environments and nothing else', () => {
    expect(at(kind('ClusterRole'), 'rules')).toEqual([
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['collabeditor.dev'], resources: ['collabeditors'], verbs: ['get', 'list', 'watch'] },
    ]);
    expect(objects.filter((object) => /Role$/.test(textAt(object, 'kind') ?? ''))).toHaveLength(1);
  });

  it('[OL21] starts the collector with what its configuration needs, and is no part of config/default', () => {
    expect(listAt(containers[0], 'args')).toContain(`--storage=${inCluster.storage}`);
    expect(listAt(containers[1], 'args')).toContain(featureGates);
    expect(listAt(containers[1], 'env').map((entry) => textAt(entry, 'name'))).toContain(inCluster.nodeVariable);
    const ports = listAt(containers[1], 'ports').map((port) => at(port, 'containerPort'));
    expect(ports).toEqual([inCluster.metricsPort, inCluster.healthPort]);
    const standard: unknown = parse(readFileSync(join(folder, '../default/kustomization.yaml'), 'utf8'));
    expect(listAt(standard, 'resources')).not.toContain('../logs');
  });
});
