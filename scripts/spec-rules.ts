import { readFileSync } from 'node:fs';
import { trackedFiles } from './tracked-files.ts';

/** A numbered rule of a SPEC.md. */
export interface Rule {
  readonly id: string;
  readonly spec: string;
}

/** A test that names rules. */
export interface Citation {
  readonly id: string;
  readonly file: string;
}

const rule = /^- \*\*([A-Z]{2,3}\d+)\*\*/gm;
const citation = /\[((?:[A-Z]{2,3}\d+)(?:, ?[A-Z]{2,3}\d+)*)\]/g;

export function readRules(): Rule[] {
  return trackedFiles((file) => file.endsWith('SPEC.md')).flatMap((spec) =>
    [...readFileSync(spec, 'utf8').matchAll(rule)].map(([, id = '']) => ({ id, spec })),
  );
}

export function readCitations(): Citation[] {
  return trackedFiles((file) => /\.(test|itest|e2e)\.ts$/.test(file)).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(citation)].flatMap(([, list = '']) =>
      list.split(/, ?/).map((id) => ({ id, file })),
    ),
  );
}
