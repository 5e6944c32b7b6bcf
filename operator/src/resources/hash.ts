import { createHash } from 'node:crypto';
import type { Facts, KeyReference } from './types.ts';

/** Annotation of a pod template: changes when a Secret's key that the pod reads changes. */
export const secretsAnnotation = 'collabeditor.dev/secrets';

/** Annotation of a pod template: changes when settings that the pod reads at its start change. */
export const configAnnotation = 'collabeditor.dev/config';

/** Short hash of a JSON value; the order of an object's keys doesn't count. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 10);
}

/** Hash of the current values of `keys`; Secrets that are not there yet count as such. */
export function secretsHash(facts: Facts, keys: readonly KeyReference[]): string {
  const seen = keys.map(({ secret, key }) => [secret, key, facts.secretHashes[secret]?.[key] ?? '']);
  return hashOf(seen.map((entry) => entry.join('/')).toSorted());
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
