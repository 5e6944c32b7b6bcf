import {
  type Attributes as SdkAttributes,
  ROOT_CONTEXT,
  type Span as SdkSpan,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { TraceConfig } from './config.ts';
import type { SpanOptions, StartedSpan, TraceContext, Tracer } from './trace.ts';

export interface TracerSettings {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sampler: TraceConfig['OTEL_TRACES_SAMPLER'];
  readonly ratio: number;
  readonly resource: Readonly<Record<string, string>>;
  /** Called with how many spans were lost and why. */
  readonly onDropped: (spans: number, error: unknown) => void;
}

/** How many spans wait for the collector or are on their way to it; what is beyond it is dropped. */
const QUEUE_SPANS = 2_048;
const BATCH_SPANS = 512;
const EXPORT_EVERY_MS = 5_000;
/** Longest that a stopping process waits for the collector. */
const FLUSH_MS = 2_000;

/**
 * Spans by the OpenTelemetry SDK, sent to a collector in batches. This file is the only one that imports the SDK, and is itself
 * imported only where traces are exported.
 */
export function createTracer(settings: TracerSettings): Tracer {
  const exporter = new OTLPTraceExporter({ url: settings.url, headers: { ...settings.headers } });
  const bounded = boundedProcessor(exporter, settings.onDropped);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ ...settings.resource }),
    sampler: samplerOf(settings),
    spanProcessors: [bounded],
    spanLimits: { attributeCountLimit: 32, attributeValueLengthLimit: 256 },
  });
  const sdk = provider.getTracer('collabeditor');
  const heedsParent = settings.sampler.startsWith('parentbased_');
  return {
    start(options, parent) {
      // Nothing below an unsampled parent is recorded, so its context may as well go on as it is.
      if (heedsParent && parent !== undefined && !isSampled(parent)) return undefined;
      return started(sdk.startSpan(options.name, sdkOptions(options), sdkContext(parent)), parent);
    },
    async [Symbol.asyncDispose]() {
      const { promise: late, resolve } = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => resolve(undefined), FLUSH_MS);
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
      bounded.giveUp();
    },
  };
}

function samplerOf({ sampler, ratio }: TracerSettings): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}

/** The SDK's processor bounds what waits, but neither what is on its way nor does it tell of what it drops; both are counted here. */
function boundedProcessor(
  exporter: SpanExporter,
  onDropped: TracerSettings['onDropped'],
): SpanProcessor & { giveUp(): void } {
  let kept = 0;
  let isOver = false;
  const counting: SpanExporter = {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        kept -= spans.length;
        if (result.error && !isOver) onDropped(spans.length, result.error);
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
  const batches = new BatchSpanProcessor({
    exporter: counting,
    maxQueueSize: QUEUE_SPANS,
    maxExportBatchSize: BATCH_SPANS,
    scheduledDelayMillis: EXPORT_EVERY_MS,
  });
  return {
    onStart: () => undefined,
    onEnd(span: ReadableSpan) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
      if (kept >= QUEUE_SPANS) {
        onDropped(1, undefined);
        return;
      }
      kept++;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
    /** What is still on its way is counted as lost. */
    giveUp() {
      isOver = true;
      if (kept > 0) onDropped(kept, undefined);
    },
  };
}

const kinds: Readonly<Record<SpanOptions['kind'], SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

function sdkOptions({ kind, attributes }: SpanOptions): { kind: SpanKind; attributes: SdkAttributes } {
  return { kind: kinds[kind], attributes: { ...attributes } };
}

function sdkContext(parent: TraceContext | undefined): typeof ROOT_CONTEXT {
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceparent, local } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: traceparent.slice(3, 35),
    spanId: traceparent.slice(36, 52),
    traceFlags: isSampled(parent) ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: local !== true,
  });
}

function isSampled({ traceparent }: TraceContext): boolean {
  return (Number.parseInt(traceparent.slice(53, 55), 16) & TraceFlags.SAMPLED) !== 0;
}

function started(span: SdkSpan, parent: TraceContext | undefined): StartedSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const flags = (traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01';
  // What vendors say beside the ids goes along as it came, not as the SDK would write it.
  const tracestate = parent?.tracestate;
  return {
    context: {
      traceparent: `00-${traceId}-${spanId}-${flags}`,
      ...(tracestate === undefined ? {} : { tracestate }),
      local: true,
    },
    recording: span.isRecording(),
    set: (attributes) => void span.setAttributes({ ...attributes }),
    rename: (name) => void span.updateName(name),
    fail(reason) {
      span.setAttribute('error.type', reason);
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    end: () => span.end(),
  };
}
