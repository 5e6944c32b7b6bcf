import { stringify } from 'yaml';
import { collabEditor } from './schema.ts';

const group = 'collabeditor.dev';
const version = 'v1alpha1';
const kind = 'CollabEditor';
const plural = 'collabeditors';

/** A node of a structural schema, as `crds/` and `docs/resource.md` are made of. */
export interface StructuralSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: string[];
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  items?: StructuralSchema;
  [keyword: string]: unknown;
}

/** The CustomResourceDefinition as an object. */
export function crd() {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: 'collabeditor',
        shortNames: ['ce'],
        categories: ['all'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: printerColumns,
          schema: { openAPIV3Schema: openApiSchema() },
        },
      ],
    },
  };
}

/** The CustomResourceDefinition as it is kept in `crds/`. */
export function crdYaml(): string {
  return `# Generated from operator/src/api/schema.ts; do not edit.\n${stringify(crd(), { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

const printerColumns = [
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Services', type: 'string', jsonPath: '.status.servicesReady' },
  { name: 'Version', type: 'string', jsonPath: '.status.version' },
  { name: 'URL', type: 'string', jsonPath: '.status.url' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** The schema of the whole object; what every object has is left to the API server. */
export function openApiSchema(): StructuralSchema {
  const { properties, ...root } = structural(collabEditor);
  return {
    ...root,
    required: ['metadata'],
    properties: {
      ...properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
    },
  };
}

/** JSON Schema as TypeBox writes it → structural schema: maps are `additionalProperties`, a field with a default is not required. */
function structural(schema: object): StructuralSchema {
  const node: StructuralSchema = {};
  for (const [keyword, value] of entries(schema)) {
    if (keyword === 'properties') node.properties = mapValues(value, structural);
    else if (keyword === 'items') node.items = structural(child(value));
    else if (keyword === 'patternProperties') node.additionalProperties = structural(child(entries(value)[0]?.[1]));
    else if (keyword !== 'required') node[keyword] = value;
  }
  const required = requiredNames(schema).filter((name) => node.properties?.[name]?.default === undefined);
  return required.length > 0 ? { ...node, required } : node;
}

function requiredNames(schema: object): string[] {
  return 'required' in schema && Array.isArray(schema.required) ? schema.required.map(String) : [];
}

function entries(value: unknown): [string, unknown][] {
  return Object.entries(child(value));
}

function child(value: unknown): object {
  if (typeof value !== 'object' || value === null) throw new TypeError('a schema is an object');
  return value;
}

function mapValues<T>(record: unknown, change: (value: object) => T): Record<string, T> {
  return Object.fromEntries(entries(record).map(([key, value]) => [key, change(child(value))]));
}
