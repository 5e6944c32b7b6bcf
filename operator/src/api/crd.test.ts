import { describe, expect, it } from '@jest/globals';
import { crdYaml, openApiSchema } from './crd.ts';
import type { StructuralSchema } from './crd.ts';
import { referencePage } from './reference.ts';

describe('the CRD', () => {
  it('[OA6] is small enough for client-side apply', () => {
    expect(Buffer.byteLength(crdYaml())).toBeLessThan(200_000);
  });

  it('[OA12] describes every field, and so does the reference page', () => {
    const page = referencePage();
    const undescribed: string[] = [];
    for (const [path, schema] of fields('', openApiSchema().properties?.['spec'])) {
      if (schema.description === undefined) undescribed.push(path);
      expect(page).toContain(`\`${path}\``);
    }
    expect(undescribed).toEqual([]);
  });
});

function fields(prefix: string, schema: StructuralSchema | undefined): [string, StructuralSchema][] {
  return Object.entries(schema?.properties ?? {}).flatMap(([name, field]): [string, StructuralSchema][] => {
    const path = `${prefix}${name}`;
    const below = field.type === 'array' ? fields(`${path}[].`, field.items) : fields(`${path}.`, field);
    return [[path, field], ...below];
  });
}
