import { versionProblem } from '../api/release.ts';
import { unsupportedFields } from '../api/unsupported.ts';
import { quantityValue } from '../api/quantity.ts';
import type { DesiredInput, VolumeOwner } from '../resources/types.ts';
import { volumeOwners, wantedVolume } from '../resources/volumes.ts';
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
  for (const owner of volumeOwners) {
    const field = differentVolume({ resource, release, facts }, owner);
    if (field === null) continue;
    const claim = `data-${resource.metadata.name}-${owner}-0`;
    const message = `${field} asks for another volume than PersistentVolumeClaim ${claim}, which can't be changed by this release.`;
    problems.push({ reason: 'VolumeNotChangeable', message, blocks: false });
  }
  return problems;
}

/** The field that asks for another volume than there is, or null. */
function differentVolume({ resource, facts }: DesiredInput, owner: VolumeOwner): string | null {
  const wanted = wantedVolume(resource.spec, owner);
  const present = facts.volumes[owner];
  if (wanted === null || present === undefined) return null;
  const { storage, storageClassName } = wanted.claim;
  const otherClass = storageClassName !== undefined && storageClassName !== present.storageClassName;
  return otherClass || quantityValue(storage) !== quantityValue(present.storage) ? wanted.field : null;
}
