import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { bundle } from './bundle.ts';

it('[KI77] a service reads nothing of the OpenTelemetry SDK at its start', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bundle-'));
  try {
    const { outputs } = (await bundle(join(import.meta.dirname, '../services/user'), folder)).metafile;
    const readAtStart = (file: string): readonly string[] => {
      const { imports = [] } = outputs[file] ?? {};
      const now = imports.filter(({ kind, external }) => kind === 'import-statement' && external !== true);
      return [file, ...now.flatMap(({ path }) => readAtStart(path))];
    };
    const main = Object.keys(outputs).find((file) => file.endsWith('/main.mjs')) ?? '';
    const sources = (files: readonly string[]) => files.flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
    const isSdk = (source: string) => /@opentelemetry\/(sdk-trace|exporter|otlp|resources|core)/.test(source);
    expect(sources(Object.keys(outputs)).some(isSdk)).toBe(true);
    expect(sources(readAtStart(main)).filter(isSdk)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
