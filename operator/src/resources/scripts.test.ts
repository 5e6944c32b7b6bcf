import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { sampleInput } from '../../test/sample.ts';
import { desired } from './index.ts';

describe('scripts', () => {
  const files = desired(sampleInput())
    .stores.filter(({ kind }) => kind === 'ConfigMap')
    .flatMap(({ metadata, data }) =>
      Object.entries(data as Record<string, string>).map(([file, text]) => ({
        title: `${metadata.name} ${file}`,
        text,
      })),
    )
    .filter(({ title }) => title.endsWith('.sh'));

  it.each(files)('[OR20] $title is valid', ({ text }) => {
    expect(() => execFileSync('sh', ['-n'], { input: text, stdio: ['pipe', 'ignore', 'pipe'] })).not.toThrow();
  });
});
