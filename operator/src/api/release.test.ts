import { describe, expect, it } from '@jest/globals';
import { release, sample } from '../../test/sample.ts';
import { referencedSecrets } from './references.ts';
import { imageOf, releaseFrom, versionProblem } from './release.ts';
import { unsupportedFields } from './unsupported.ts';

describe('a release', () => {
  it('[OA8] honours its own minor release and the two before it', () => {
    for (const version of ['0.3.0', '0.3.9', '0.2.1', '0.1.0'])
      expect(versionProblem(sample({ version }).spec, release)).toBeNull();
    expect(versionProblem(sample().spec, release)).toBeNull();
    for (const version of ['0.0.9', '0.4.0', '1.3.0']) {
      expect(versionProblem(sample({ version }).spec, release)).toContain(version);
    }
  });

  it('[OA9] gives each component its image', () => {
    const image = (spec: Record<string, unknown>, component: 'user' | 'postgres') =>
      imageOf(sample(spec).spec, release, component);
    expect(image({}, 'user')).toBe('ghcr.io/collabeditor/user-service:0.3.0');
    expect(image({ version: '0.2.4' }, 'user')).toBe('ghcr.io/collabeditor/user-service:0.2.4');
    expect(image({ version: '0.2.4' }, 'postgres')).toBe('docker.io/library/postgres:17');
    expect(image({ images: { registry: 'mirror.example:5000/all' } }, 'postgres')).toBe(
      'mirror.example:5000/all/library/postgres:17',
    );
    expect(image({ images: { user: 'own:1', registry: 'mirror.example' } }, 'user')).toBe('own:1');
  });

  it('[OA14] takes images from the environment', () => {
    const { images } = releaseFrom(
      { RELATED_IMAGE_USER: 'here/user@sha256:0', RELATED_IMAGE_REDIS: 'here/redis:8' },
      '0.3.0',
    );
    expect(images).toMatchObject({
      user: 'here/user@sha256:0',
      redis: 'here/redis:8',
      document: 'ghcr.io/collabeditor/document-service:0.3.0',
    });
    const chosen = releaseFrom({ RELATED_IMAGE_USER: 'here/user:abc' }, '0.3.0');
    expect(imageOf(sample({ version: '0.3.0' }).spec, chosen, 'user')).toBe('here/user:abc');
    expect(imageOf(sample({ version: '0.2.0' }).spec, chosen, 'user')).toBe('here/user:0.2.0');
    const pinned = { version: '0.3.0', images: { ...images, user: 'here:5000/user@sha256:0' } };
    expect(imageOf(sample({ version: '0.2.0' }).spec, pinned, 'user')).toBe('here:5000/user:0.2.0');
  });
});

describe('a spec', () => {
  it('[OA10] lists the Secrets that it names', () => {
    const { spec } = sample({
      postgres: { external: { secretName: 'pg' } },
      exposure: { ingress: { tlsSecretName: 'cert' } },
      images: { pullSecrets: [{ name: 'pull' }] },
      services: {
        user: { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'extra', key: 'a' } } }] },
        notification: { smtp: { secretName: 'mail', from: 'a@b.c' } },
      },
    });
    expect(referencedSecrets(spec)).toEqual([
      { name: 'pg', field: 'spec.postgres.external.secretName', keys: ['uri'] },
      { name: 'mail', field: 'spec.services.notification.smtp.secretName', keys: [] },
      { name: 'cert', field: 'spec.exposure.ingress.tlsSecretName', keys: ['tls.crt', 'tls.key'] },
      { name: 'extra', field: 'spec.services.user.env[0]', keys: ['a'] },
      { name: 'pull', field: 'spec.images.pullSecrets[0]', keys: [] },
    ]);
    expect(referencedSecrets(sample().spec)).toEqual([]);
  });

  it('[OA11] lists the fields that have no effect yet', () => {
    const spec = {
      auth: { signingKeyRotation: '24h' },
      backup: { schedule: '@daily', destination: { bucket: 'x' } },
      restore: { from: 'x' },
      postgres: { cloudNativePG: {} },
      rabbitmq: { clusterOperator: {} },
    };
    expect(unsupportedFields(sample(spec).spec)).toEqual([
      'spec.auth.signingKeyRotation',
      'spec.backup',
      'spec.restore',
      'spec.postgres.cloudNativePG',
      'spec.rabbitmq.clusterOperator',
    ]);
    expect(unsupportedFields(sample().spec)).toEqual([]);
  });
});
