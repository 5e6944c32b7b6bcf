import { crdYaml } from './crd.ts';
import { referencePage } from './reference.ts';

export interface GeneratedFile {
  /** From the root of the repository. */
  path: string;
  content: string;
}

/** The files of the repository that are generated from the schema. */
export function generatedFiles(): GeneratedFile[] {
  return [
    { path: 'crds/collabeditors.yaml', content: crdYaml() },
    { path: 'docs/resource.md', content: referencePage() },
  ];
}
