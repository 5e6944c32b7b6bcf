import { openApiSchema } from './crd.ts';
import type { StructuralSchema } from './crd.ts';

/** `docs/resource.md`: every field of the resource with its type, default and meaning. */
export function referencePage(): string {
  const { spec, status } = openApiSchema().properties ?? {};
  return `<!-- Generated from operator/src/api/schema.ts; do not edit. -->

# The CollabEditor resource

\`apiVersion: collabeditor.dev/v1alpha1\`, \`kind: CollabEditor\`, short name \`ce\`. One resource is one environment; its name is a DNS-1035 label of at most 40 characters.

The smallest one:

\`\`\`yaml
apiVersion: collabeditor.dev/v1alpha1
kind: CollabEditor
metadata:
  name: team
spec: {}
\`\`\`

## spec

${table(spec)}

## status

${table(status)}
`;
}

interface Row {
  path: string;
  schema: StructuralSchema;
}

function table(schema: StructuralSchema | undefined): string {
  const rows = schema === undefined ? [] : fields('', schema);
  return [
    '| field | type | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows.map(
      ({ path, schema }) =>
        `| \`${path}\` | ${typeText(schema)} | ${defaultText(schema.default)} | ${cell([schema.description ?? '', ...rules(schema)].join(' '))} |`,
    ),
  ].join('\n');
}

function fields(prefix: string, schema: StructuralSchema): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const below = field.type === 'array' ? fields(`${path}[].`, field.items ?? {}) : fields(`${path}.`, field);
    return [{ path, schema: field }, ...below];
  });
}

function typeText(schema: StructuralSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(' ');
  if (schema.type === 'array') return `list of ${schema.items?.type ?? 'values'}s`;
  if (schema.additionalProperties !== undefined) return 'map';
  return schema.type ?? 'any';
}

function defaultText(value: unknown): string {
  if (value === undefined || JSON.stringify(value) === '{}' || JSON.stringify(value) === '[]') return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function rules(schema: StructuralSchema): string[] {
  const validations = schema['x-kubernetes-validations'];
  if (!Array.isArray(validations)) return [];
  return validations.map(({ message }: { message: string }) => `Rule: ${message}.`);
}

function cell(text: string): string {
  return text.trim().replaceAll('|', '\\|');
}
