import type { TraceConfig } from './config.ts';
import type { Logger } from './log.ts';
import { setTracer, withoutTrace } from './trace.ts';
import type { TracerSettings } from './tracer.ts';

export interface TracingOptions {
  readonly config: TraceConfig & { readonly POD_NAME: string };
  /** Name of the service, as its component is called. */
  readonly service: string;
  readonly version: string;
  readonly log: Logger;
}

/** A collector that is away is one fact, however many spans are lost. */
const REPORT_EVERY_MS = 60_000;

/** Exports spans from now on where a collector is named. Without one nothing of the SDK is even read. Disposing sends what waits. */
export async function startTracing(options: TracingOptions): Promise<AsyncDisposable> {
  const url = tracesUrl(options.config);
  if (url === undefined) return { [Symbol.asyncDispose]: async () => undefined };
  const { createTracer } = await import('./tracer.ts');
  const losses = countLosses(options.log);
  const tracer = createTracer({ ...settingsOf(options), url, onDropped: losses.add });
  setTracer(tracer);
  return {
    async [Symbol.asyncDispose]() {
      setTracer(undefined);
      await tracer[Symbol.asyncDispose]();
      losses.end();
    },
  };
}

function tracesUrl(config: TraceConfig): string | undefined {
  if (config.OTEL_SDK_DISABLED === 'true') return undefined;
  if (config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined) return config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  return config.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/*$/, '/v1/traces');
}

function settingsOf({ config, service, version }: TracingOptions): Omit<TracerSettings, 'url' | 'onDropped'> {
  return {
    headers: { ...config.OTEL_EXPORTER_OTLP_HEADERS, ...config.OTEL_EXPORTER_OTLP_TRACES_HEADERS },
    sampler: config.OTEL_TRACES_SAMPLER,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
    resource: {
      'service.name': service,
      'service.instance.id': config.POD_NAME,
      'service.version': version,
      ...config.OTEL_RESOURCE_ATTRIBUTES,
      ...(config.OTEL_SERVICE_NAME === undefined ? {} : { 'service.name': config.OTEL_SERVICE_NAME }),
    },
  };
}

function countLosses(log: Logger): { add: (spans: number, error: unknown) => void; end: () => void } {
  let lost = 0;
  let cause: unknown;
  let timer: NodeJS.Timeout | undefined;
  const tell = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (lost === 0) return;
    const spans = lost;
    lost = 0;
    timer = setTimeout(tell, REPORT_EVERY_MS).unref();
    log.warn({ event: 'traces_dropped', spans, err: cause }, 'Spans were lost because the collector did not take them');
  };
  return {
    add: (spans, error) => {
      lost += spans;
      cause = error ?? cause;
      if (timer === undefined) withoutTrace(tell);
    },
    end: () => {
      tell();
      clearTimeout(timer);
    },
  };
}
