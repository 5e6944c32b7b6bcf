import { Check, Clean, Clone, Default, Errors } from 'typebox/value';
import { collabEditor } from './schema.ts';
import type { CollabEditor } from './types.ts';

/** Why something is not a CollabEditor: each problem is `field: what is wrong`. */
export class InvalidResource extends Error {
  readonly problems: string[];

  constructor(problems: string[]) {
    super(problems.join('; '));
    this.name = 'InvalidResource';
    this.problems = problems;
  }
}

/** `value` as a CollabEditor with all defaults; throws InvalidResource. Unknown fields are dropped, as the API server does. */
export function parse(value: unknown): CollabEditor {
  const candidate = Clean(collabEditor, Default(collabEditor, Clone(value)));
  if (Check(collabEditor, candidate)) return candidate;
  throw new InvalidResource(
    Errors(collabEditor, candidate).map(
      ({ instancePath, message }) => `${instancePath.slice(1).replaceAll('/', '.') || 'resource'}: ${message}`,
    ),
  );
}
