import { versionProblem } from '../api/release.ts';
import { storeNames } from '../api/types.ts';
import type { StoreName } from '../api/types.ts';
import { unsupportedFields } from '../api/unsupported.ts';
import { quantityValue } from '../api/quantity.ts';
import { storeName } from '../resources/names.ts';
import type { DesiredInput } from '../resources/types.ts';
import type { Problem } from './observed.ts';
import { some } from './verdict.ts';

/** A problem of the spec itself; while one `blocks`, nothing that runs is touched. */
export type SpecProblem = Problem & { blocks: boolean };

/** What the API server can't refuse but this operator can't do. */
export function specProblems({ resource, release, facts }: DesiredInput): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const version = versionProblem(resource.spec, release);
  if (version !== null) problems.push({ reason: 'UnsupportedVersion', message: version, blocks: true });
  const fields = unsupportedFields(resource.spec);
  if (fields.length > 0) {
    const message = `${some(fields)} is not supported by release ${release.version} and has no effect.`;
    problems.push({ reason: 'NotSupportedYet', message, blocks: false });
  }
  for (const store of storeNames) {
    if (claimDiffers({ resource, release, facts }, store)) {
      const claim = `data-${storeName(resource, store)}-0`;
      const message = `spec.${store}.managed asks for another volume than PersistentVolumeClaim ${claim}, which can't be changed by this release.`;
      problems.push({ reason: 'VolumeNotChangeable', message, blocks: false });
    }
  }
  return problems;
}

function claimDiffers({ resource, facts }: DesiredInput, store: StoreName): boolean {
  const { managed } = resource.spec[store];
  const claim = facts.volumes[store];
  if (managed === undefined || claim === undefined) return false;
  const otherClass = managed.storageClassName !== undefined && managed.storageClassName !== claim.storageClassName;
  return otherClass || quantityValue(managed.storage) !== quantityValue(claim.storage);
}
