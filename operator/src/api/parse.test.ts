import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { wrongNames, wrongSpecs } from '../../test/wrong-specs.ts';
import { sample } from '../../test/sample.ts';
import { durationSeconds } from './duration.ts';
import { InvalidResource, parse } from './parse.ts';
import { quantityValue } from './quantity.ts';

describe('parse', () => {
  it('[OA1] fills in every default of the contract', () => {
    const { spec } = sample();
    expect(spec).toMatchObject({
      paused: false,
      deletionPolicy: 'Retain',
      exposure: { type: 'Ingress', allowedOrigins: [] },
      services: {
        user: { replicas: 1, env: [] },
        realtime: { replicas: 1, maxConnections: 10_000, drainSeconds: 30 },
      },
      postgres: { managed: { storage: '10Gi' } },
      redis: { managed: { storage: '1Gi' } },
      rabbitmq: { managed: { storage: '5Gi' } },
      auth: { accessTokenTTL: '15m', refreshTokenTTL: '720h', signingKeyRotation: '2160h' },
      observability: {
        metrics: { type: 'Auto' },
        logs: 'None',
        dashboards: 'None',
        storage: { metrics: '8Gi', logs: '8Gi' },
        retention: { metrics: '360h', logs: '168h' },
      },
    });
    expect(spec.exposure.host).toBeUndefined();
    expect(spec.services.notification.smtp).toBeUndefined();
  });

  it('[OA4] leaves the version unset', () => {
    expect(sample().spec.version).toBeUndefined();
  });

  it('[OA5] drops unknown fields and keeps those of Kubernetes', () => {
    const affinity = { podAntiAffinity: { anything: [1] } };
    const { spec } = sample({ colour: 'puce', services: { user: { affinity, colour: 'puce' } } });
    expect(JSON.stringify(spec)).not.toContain('puce');
    expect(spec.services.user.affinity).toEqual(affinity);
  });

  it.each(wrongSpecs)('[OA2] refuses $text', ({ spec, field }) => {
    expect(problemsOf(() => sample(spec)).join('\n')).toContain(field);
  });

  it.each(wrongNames)('[OA3] refuses the name %s', (name) => {
    expect(problemsOf(() => sample({}, { name })).join('\n')).toContain('metadata.name');
  });

  it.each([null, 1, 'x', [], {}, { kind: 'CollabEditor' }])('[OA2] refuses %j, which is no resource', (value) => {
    expect(problemsOf(() => parse(value)).length).toBeGreaterThan(0);
  });
});

describe('examples', () => {
  const files = readdirSync('examples').filter((file) => file.endsWith('.yaml'));

  it.each(files)('[OA15] %s is valid', (file) => {
    const documents = readFileSync(`examples/${file}`, 'utf8')
      .split(/^---$/m)
      .map((text) => parseYaml(text) as unknown);
    const resources = documents.filter((value) => JSON.stringify(value).includes('"kind":"CollabEditor"'));
    expect(resources.length).toBeGreaterThan(0);
    for (const resource of resources) expect(parse(resource).kind).toBe('CollabEditor');
  });
});

describe('scalars', () => {
  it('[OA7] reads durations', () => {
    expect(durationSeconds('15m')).toBe(900);
    expect(durationSeconds('1h30m')).toBe(5400);
    expect(durationSeconds('1.5s')).toBe(1.5);
    expect(durationSeconds('250ms')).toBe(0.25);
    for (const text of ['', '1', '1d', '-1s', 'm']) expect(durationSeconds(text)).toBeNaN();
  });

  it('[OA7] reads quantities', () => {
    expect(quantityValue('10Gi')).toBe(10 * 2 ** 30);
    expect(quantityValue('100m')).toBe(0.1);
    expect(quantityValue('1e3')).toBe(1000);
    expect(quantityValue('.5k')).toBe(500);
    expect(quantityValue(2)).toBe(2);
    for (const text of ['', 'Gi', '1 Gi', '1Q', 'ten']) expect(quantityValue(text)).toBeNaN();
  });
});

function problemsOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof InvalidResource) return error.problems;
    throw error;
  }
  return [];
}
