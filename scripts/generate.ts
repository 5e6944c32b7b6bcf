/** Writes every generated file of the repository; with `--check` it names those that differ and fails. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asyncApi, openApi } from '@collabeditor/contracts';
import { generatedFiles } from '../operator/src/api/generate.ts';
import { dashboardFiles } from '../operator/src/observability/dashboards/generate.ts';
import { ruleFiles } from '../operator/src/observability/rules/generate.ts';
import { contractPage } from './promises.ts';

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const files = [
  { path: 'packages/contracts/openapi.json', content: json(openApi(version)) },
  { path: 'packages/contracts/asyncapi.json', content: json(asyncApi(version)) },
  ...generatedFiles(),
  ...dashboardFiles(),
  ...ruleFiles(),
  { path: 'docs/contract.md', content: contractPage() },
];

const check = process.argv.includes('--check');
for (const { path, content } of files) {
  const file = join(root, path);
  if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
  if (check) {
    console.error(`${path} is not what its source generates: run \`make generate\` and commit it`);
    process.exitCode = 1;
  } else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    console.log(`wrote ${path}`);
  }
}
if (check && process.exitCode !== 1) console.log(`${files.length} generated files are current`);
