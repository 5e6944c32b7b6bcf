import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { parseAddress } from './address.ts';
import { runCommandLine } from './command-line.ts';

async function call(args: string[], input = '', env: Record<string, string> = {}) {
  const written = { out: '', err: '' };
  const code = await runCommandLine(args, {
    env,
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    readInput: async () => input,
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

const manifest = (spec: unknown) =>
  JSON.stringify({
    apiVersion: 'collabeditor.dev/v1alpha1',
    kind: 'CollabEditor',
    metadata: { name: 'team', namespace: 'n' },
    spec,
  });

describe('exit codes', () => {
  it('[OC31] are 0 for help and version, 64 for wrong use', async () => {
    expect(await call(['--help'])).toMatchObject({ code: 0 });
    expect(await call(['run', '--help'])).toMatchObject({ code: 0 });
    expect((await call(['version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const args of [
      ['nope'],
      ['run', '--metrics-address', '9090'],
      ['run', '--log-level', 'loud'],
      ['plan'],
      ['render'],
      [],
    ]) {
      expect({ args, ...(await call(args)) }).toMatchObject({ args, code: 64 });
    }
  });

  it('[OC31] is 78 for a resource that is wrong, with every problem', async () => {
    const { code, err } = await call(
      ['render', '-f', '-'],
      manifest({ deletionPolicy: 'Maybe', auth: { accessTokenTTL: 'soon' } }),
    );
    expect(code).toBe(78);
    expect(err).toContain('spec.deletionPolicy');
    expect(err).toContain('spec.auth.accessTokenTTL');
    expect(await call(['render', '-f', '-'], 'a: [')).toMatchObject({ code: 78 });
    expect(await call(['render', '-f', 'no/such/file'])).toMatchObject({ code: 78 });
    expect(await call(['render', '-f', '-'], '')).toMatchObject({ code: 78 });
  });
});

describe('render', () => {
  it('[OC32] prints every child, and of Secrets the keys alone', async () => {
    const { code, out } = await call(['render', '-f', '-'], manifest({}));
    expect(code).toBe(0);
    const objects = parseAllDocuments(out).map(
      (document) => document.toJS() as { kind: string; metadata: { name: string }; data?: Record<string, string> },
    );
    expect(objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual(
      expect.arrayContaining(['Deployment/team-user-service', 'StatefulSet/team-postgres', 'Ingress/team-ingress']),
    );
    const secrets = objects.filter(({ kind }) => kind === 'Secret');
    expect(secrets.length).toBeGreaterThan(5);
    for (const { data } of secrets) expect(Object.values(data ?? {}).every((value) => value === '')).toBe(true);
  });

  it('[OC32] follows the APIs that the cluster is said to have', async () => {
    const kinds = async (...args: string[]) => (await call(['render', '-f', '-', ...args], manifest({}))).out;
    expect(await kinds()).not.toContain('kind: PodMonitor');
    expect(await kinds('--api-versions', 'monitoring.coreos.com/v1')).toContain('kind: PodMonitor');
    expect(await kinds('--api-versions', 'gateway.networking.k8s.io/v1,monitoring.coreos.com/v1/PodMonitor')).toContain(
      'kind: PodMonitor',
    );
  });

  it('[OC32] prints what is Managed', async () => {
    const spec = { observability: { metrics: { type: 'Managed' }, logs: 'Managed', dashboards: 'Managed' } };
    const { code, out } = await call(
      ['render', '-f', '-', '--api-versions', 'grafana.integreatly.org/v1beta1'],
      manifest(spec),
    );
    expect(code).toBe(0);
    const names = parseAllDocuments(out).map((document) => {
      const { kind, metadata } = document.toJS() as { kind: string; metadata: { name: string } };
      return `${kind}/${metadata.name}`;
    });
    for (const name of [
      'StatefulSet/team-prometheus',
      'StatefulSet/team-loki',
      'Deployment/team-grafana',
      'Secret/team-grafana',
      'GrafanaDashboard/team-dashboard-overview',
      'GrafanaDatasource/team-loki',
    ])
      expect(names).toContain(name);
  });

  it('[OC32] prints the CustomResourceDefinition', async () => {
    expect((await call(['crd'])).out).toContain('name: collabeditors.collabeditor.dev');
  });
});

describe('addresses', () => {
  it('[OC31] are host and port', () => {
    expect(parseAddress(':9090')).toEqual({ host: '::', port: 9090 });
    expect(parseAddress('127.0.0.1:0')).toEqual({ host: '127.0.0.1', port: 0 });
    expect(parseAddress('[::1]:80')).toEqual({ host: '::1', port: 80 });
    for (const wrong of ['9090', ':99999', 'a b:1', ':x', '']) expect(parseAddress(wrong)).toBeUndefined();
  });
});
