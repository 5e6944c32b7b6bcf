/** The small shapes that the fields of a CollabEditor are made of. */
import Type from 'typebox';
import { durationSeconds } from './duration.ts';
import { quantityValue } from './quantity.ts';
import { ruled } from './rule.ts';

/** A Go-style duration above zero, or of at least `least`. */
export function duration(description: string, { least, ...options }: { default?: string; least?: string } = {}) {
  const positive = {
    rule: "duration(self) > duration('0s')",
    message: 'must be a duration above zero, such as 15m or 720h',
    holds: (value: string) => durationSeconds(value) > 0,
  };
  const atLeast = (floor: string) => ({
    rule: `duration(self) >= duration('${floor}')`,
    message: `must be a duration of at least ${floor}`,
    holds: (value: string) => durationSeconds(value) >= durationSeconds(floor),
  });
  return ruled(
    Type.String({
      description,
      ...options,
      pattern: '^([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h))+$',
      maxLength: 32,
    }),
    [least === undefined ? positive : atLeast(least)],
  );
}

/** A Kubernetes quantity above zero. */
export function quantity(description: string, options: { default?: string } = {}) {
  return ruled(Type.String({ description, ...options, maxLength: 32 }), [
    {
      rule: "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",
      message: 'must be a quantity above zero, such as 10Gi',
      holds: (value) => quantityValue(value) > 0,
    },
  ]);
}

const quantities = (description: string) =>
  Type.Record(
    Type.String(),
    Type.Unsafe<string | number>({
      anyOf: [{ type: 'integer' }, { type: 'string' }],
      'x-kubernetes-int-or-string': true,
      pattern:
        '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$',
    }),
    { description },
  );

/** Requests and limits of a container. */
export const resourceRequirements = Type.Object(
  {
    requests: Type.Optional(quantities('What a node must have free.')),
    limits: Type.Optional(quantities('What the container may use at most.')),
  },
  { description: "Requests and limits of the container; what is left out takes the release's value." },
);

/** A field whose shape is that of Kubernetes and is checked when the child is applied. */
export function verbatim<T>(description: string, of: 'object' | 'array' = 'object') {
  return of === 'object'
    ? Type.Unsafe<T>({ type: 'object', description, 'x-kubernetes-preserve-unknown-fields': true })
    : Type.Unsafe<T>({
        type: 'array',
        description,
        maxItems: 64,
        items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      });
}

export const name = (description: string) =>
  Type.String({
    description,
    minLength: 1,
    maxLength: 253,
    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  });

export const strings = (description: string) =>
  Type.Record(Type.String(), Type.String({ maxLength: 4096 }), { description });

/** One of a closed set of words. */
export function choice<const W extends string>(
  words: readonly W[],
  description: string,
  options: { default?: NoInfer<W> } = {},
) {
  return Type.Unsafe<W>({ type: 'string', enum: [...words], description, ...options });
}

const matchExpression = Type.Object({
  key: Type.String({ description: 'Label.' }),
  operator: choice(['In', 'NotIn', 'Exists', 'DoesNotExist'], 'How the values are compared.'),
  values: Type.Optional(Type.Array(Type.String(), { description: 'Its values.', maxItems: 64 })),
});

export const labelSelector = (description: string) =>
  Type.Object(
    {
      matchLabels: Type.Optional(strings('Labels that must be there with these values.')),
      matchExpressions: Type.Optional(
        Type.Array(matchExpression, { description: 'Further requirements.', maxItems: 32 }),
      ),
    },
    { description },
  );
