import type { ResolvedSpec } from './types.ts';

/** Asked for by nobody, it is no promise that would be broken. */
const defaultRotation = '2160h';

/** Fields that the schema knows and this release does not honour yet: they are said, never ignored in silence. */
export function unsupportedFields(spec: ResolvedSpec): string[] {
  const fields: [used: boolean, field: string][] = [
    [spec.auth.signingKeyRotation !== defaultRotation, 'spec.auth.signingKeyRotation'],
    [spec.backup !== undefined, 'spec.backup'],
    [spec.restore !== undefined, 'spec.restore'],
    [spec.postgres.cloudNativePG !== undefined, 'spec.postgres.cloudNativePG'],
    [spec.rabbitmq.clusterOperator !== undefined, 'spec.rabbitmq.clusterOperator'],
  ];
  return fields.filter(([used]) => used).map(([, field]) => field);
}
