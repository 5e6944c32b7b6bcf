import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
// All packages of the product have one version.
import kitPackage from '../package.json' with { type: 'json' };
import {
  type BaseConfig,
  baseFields,
  ConfigError,
  type ConfigOf,
  type Fields,
  migrationFields,
  parseConfig,
} from './config.ts';
import { createLogger, type Logger } from './log.ts';
import { migrateSchema } from './migrate.ts';
import { type App, type Runtime, startRuntime, type StartedService } from './service.ts';
import { startTracing } from './tracing.ts';

/** What a service is: its name, what it reads from the environment, and how it is made. */
export interface ServiceDefinition<F extends Fields> {
  readonly name: string;
  /** PostgreSQL schema. */
  readonly schema: string;
  /** Folder of migrations; ends with a slash. */
  readonly migrations: URL;
  /** Beside {@link baseFields}. */
  readonly fields: F;
  create(config: BaseConfig & ConfigOf<F>, runtime: Runtime): Promise<App>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Entry of a service's process: `main.mjs` serves, `main.mjs migrate` migrates. Exit codes: 0 done, 1 failed, 78 bad configuration. */
export async function run<F extends Fields>(definition: ServiceDefinition<F>): Promise<void> {
  try {
    if (process.argv[2] === 'migrate') await migrate(definition, process.env);
    else await serve(definition, process.env);
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${definition.name}: ${error.message}\n`);
      process.exitCode = 78;
      return;
    }
    createLogger({ service: definition.name, pod: '', level: 'info' }).fatal(
      { event: 'service_failed', err: error },
      'The service failed',
    );
    process.exitCode = 1;
    // Something may still hold the process; it has nothing left to do.
    setTimeout(() => process.exit(), 1_000).unref();
  }
}

/** Brings the service's schema up to date. */
export async function migrate<F extends Fields>(definition: ServiceDefinition<F>, env: Environment): Promise<void> {
  const config = parseConfig(migrationFields, env);
  await migrateSchema({
    url: config.DATABASE_URL,
    ca: config.DATABASE_CA_FILE?.content,
    schema: definition.schema,
    migrations: definition.migrations,
    appRole: config.DATABASE_APP_ROLE,
    log: createLogger({ service: definition.name, pod: config.POD_NAME, level: config.LOG_LEVEL }),
  });
}

async function serve<F extends Fields>(definition: ServiceDefinition<F>, env: Environment): Promise<void> {
  const config = configure(definition, env);
  const log = createLogger({ service: definition.name, pod: config.POD_NAME, level: config.LOG_LEVEL });
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ event: 'process_failed', err: error }, 'A bug ends the process');
      process.exit(1);
    });
  }
  const service = await startTraced(definition, config, log, (runtime) => definition.create(config, runtime));
  log.info({ event: 'ready' }, 'Ready to serve');
  const signal = await Promise.race([signalled('SIGTERM'), signalled('SIGINT')]);
  setTimeout(() => {
    log.error({ event: 'stopping_timeout' }, 'Stopping took too long');
    process.exit(1);
  }, config.SHUTDOWN_LIMIT).unref();
  await stop(service, log, signal === 'SIGTERM' ? config.SHUTDOWN_LINGER : 0);
  setTimeout(() => process.exit(), 2_000).unref();
}

/** Tracing begins before the service and ends after it, so that its last spans are sent too. */
async function startTraced<F extends Fields>(
  { name }: ServiceDefinition<F>,
  config: BaseConfig & ConfigOf<F>,
  log: Logger,
  create: (runtime: Runtime) => Promise<App>,
): Promise<StartedService> {
  const tracing = await startTracing({ config, service: `${name}-service`, version: kitPackage.version, log });
  const service = await startRuntime(config, log, create);
  return {
    ...service,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await tracing[Symbol.asyncDispose]();
    },
  };
}

async function signalled<S extends 'SIGTERM' | 'SIGINT'>(signal: S): Promise<S> {
  await once(process, signal);
  return signal;
}

async function stop(service: StartedService, log: Logger, lingerMs: number): Promise<void> {
  log.info({ event: 'stopping' }, 'Stopping');
  service.stopping();
  await delay(lingerMs);
  await service[Symbol.asyncDispose]();
  log.info({ event: 'stopped' }, 'Stopped');
}

function configure<F extends Fields>(definition: ServiceDefinition<F>, env: Environment): BaseConfig & ConfigOf<F> {
  return parseConfig({ ...baseFields, ...definition.fields }, env);
}

/** Starts a service inside a test: random loopback ports unless `env` says otherwise, silent unless it has a LOG_LEVEL. */
export async function startService<F extends Fields>(
  definition: ServiceDefinition<F>,
  env: Environment,
  overrides: Partial<Runtime> = {},
): Promise<StartedService> {
  const local = {
    HOST: '127.0.0.1',
    PORT: '0',
    INTERNAL_PORT: '0',
    TELEMETRY_PORT: '0',
    LOG_LEVEL: 'silent',
    SHUTDOWN_LINGER: '0s',
  };
  const config = configure(definition, { ...local, ...env });
  const log = overrides.log ?? createLogger({ service: definition.name, pod: 'test', level: config.LOG_LEVEL });
  return startTraced(definition, config, log, (runtime) => definition.create(config, { ...runtime, ...overrides }));
}
