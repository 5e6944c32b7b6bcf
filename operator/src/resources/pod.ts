import type { CollabEditor } from '../api/types.ts';

/** User id of the services' images. */
export const serviceUid = 1000;
/** User id that the official PostgreSQL, Redis and RabbitMQ images (Debian) know. */
export const storeUid = 999;

/** Pod fields that the `restricted` Pod Security Standard and least privilege ask for. */
export function restrictedPod(
  resource: CollabEditor,
  uid: number,
  serviceAccountName: string,
): Record<string, unknown> {
  const { pullSecrets } = resource.spec.images;
  return {
    serviceAccountName,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: uid,
      runAsGroup: uid,
      fsGroup: uid,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets.map(({ name }) => ({ name })) }),
  };
}

/** The same for each container. */
export const restrictedContainer = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} as const;

export const temporaryFiles = { name: 'tmp', emptyDir: {} } as const;
export const temporaryMount = { name: 'tmp', mountPath: '/tmp' } as const;
