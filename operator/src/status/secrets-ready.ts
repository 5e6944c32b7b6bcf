import type { Observed } from './observed.ts';
import { at } from './read.ts';
import { no, some, waiting, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** Reasons under which the reconciler reports a Secret of the user that is not as the spec says. */
const secretReasons = new Set(['SecretMissing', 'SecretKeyMissing']);

/** SecretsReady: every generated Secret has its keys, every Secret that the spec names is there. */
export function secretsReady({ desired, children, problems }: Observed): Verdict {
  const problem = problems.find(({ reason }) => secretReasons.has(reason));
  if (problem !== undefined) return no(problem.reason, problem.message);
  const incomplete = desired.secrets.filter(({ manifest, keys }) => {
    const live = children.get(`Secret/${manifest.metadata.name}`);
    return live === undefined || Object.keys(keys).some((key) => at(live, 'data', key) === undefined);
  });
  if (incomplete.length === 0) return yes('Ready', 'All Secrets are there.');
  return waiting(`Not complete yet: Secret ${some(incomplete.map(({ manifest }) => manifest.metadata.name))}.`);
}
