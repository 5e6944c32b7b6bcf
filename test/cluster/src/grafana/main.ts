/**
 * A stand-in for Grafana, which cannot be built from what a module proxy or an npm registry holds. It is started like
 * Grafana, reads the same provisioning files, refuses those that Grafana could not use, and lends its data source
 * proxy, so that tests see whether what the operator provisions leads to Prometheus and Loki. It shows no dashboard.
 */
import { accessSync, constants, readFileSync } from 'node:fs';

import { provisionedBy } from './provisioning.ts';
import { serverOf } from './server.ts';
import { settingsFrom } from './settings.ts';

function start(argv: readonly string[]): void {
  const [verb, ...options] = argv;
  if (verb !== 'server') throw new RangeError(`'${verb ?? ''}' is no command of this stand-in; it has 'server'`);
  for (const option of options) {
    if (!/^(--(homepath|config|packaging)=|cfg:)/.test(option)) throw new RangeError(`unknown option ${option}`);
  }
  const settings = settingsFrom(process.env, (file) => readFileSync(file, 'utf8'));
  for (const folder of settings.writable) accessSync(folder, constants.W_OK);
  const provisioned = provisionedBy(settings.provisioning, process.env);
  const server = serverOf(settings, provisioned);
  server.once('error', fail).listen(settings.port, () => {
    const { dataSources, dashboards } = provisioned;
    say('info', `stand-in for Grafana serves ${dataSources.length} data sources and ${dashboards.length} dashboards`);
  });
  process.once('SIGTERM', () => {
    server.close();
    server.closeAllConnections();
  });
}

/** As Grafana's console log, in its format `text`. */
function say(level: string, message: string): void {
  console.log(`logger=stand-in t=${new Date().toISOString()} level=${level} msg=${JSON.stringify(message)}`);
}

function fail(thrown: unknown): void {
  say('error', thrown instanceof Error ? thrown.message : String(thrown));
  process.exitCode = 1;
}

try {
  start(process.argv.slice(2));
} catch (thrown) {
  fail(thrown);
}
