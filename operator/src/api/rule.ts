import Type from 'typebox';
import { Check } from 'typebox/value';
import type { Static, TSchema } from 'typebox';

/** A validation that the API server evaluates as CEL and `parse` as TypeScript: one sentence in both places. */
export interface Rule<T> {
  rule: string;
  message: string;
  /** The field below the validated object that the answer names. */
  fieldPath?: string;
  holds: (value: T) => boolean;
}

/** `schema` with `rules`, written as `x-kubernetes-validations` and held by TypeBox as well. */
export function ruled<S extends TSchema>(schema: S, rules: Rule<Static<S>>[]): S {
  const validations = rules.map(({ rule, message, fieldPath }) => ({
    rule,
    message,
    ...(fieldPath === undefined ? {} : { fieldPath }),
  }));
  // TypeBox keeps the kind of a schema in a hidden property: a copy takes the descriptors along.
  const described: TSchema = Object.defineProperties(
    { 'x-kubernetes-validations': validations },
    Object.getOwnPropertyDescriptors(schema),
  );
  const refined = rules.reduce<TSchema>(
    (inner, { holds, message }) =>
      Type.Refine(
        inner,
        // A value of the wrong shape has its own error; a rule reads well-shaped ones only.
        (value) => !Check(schema, value) || holds(value),
        () => message,
      ),
    described,
  );
  // Options and refinements add constraints; the static type stays that of `schema`.
  return refined as S;
}

/** Exactly one of the optional fields `names` is set. */
export function exactlyOneOf<T extends object>(names: (keyof T & string)[]): Rule<T> {
  return {
    rule: `[${names.map((name) => `has(self.${name})`).join(', ')}].filter(given, given).size() == 1`,
    message: `exactly one of ${names.join(', ')} must be set`,
    holds: (value) => names.filter((name) => value[name] !== undefined).length === 1,
  };
}
