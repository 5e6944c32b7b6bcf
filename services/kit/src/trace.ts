import { AsyncLocalStorage } from 'node:async_hooks';
import { isError } from './problem.ts';

/**
 * The trace that some work belongs to, as W3C Trace Context has it. It comes with a request or an event and goes along with whatever
 * is done for it. Spans are made only while a tracer is in use; without one a context is passed on as it came, and that is all.
 */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
  /** Made by this process, so no other one's span is the parent of what follows. */
  readonly local?: true;
}

/** Never a text of a user, an id of a document or anything else without a bound. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly attributes?: Attributes;
}

/** What it costs to describe a span is spent only where there is a tracer. */
type Described = SpanOptions | (() => SpanOptions);

export interface Span {
  /** Whether anything that is told to it is kept. */
  readonly recording: boolean;
  set(attributes: Attributes): void;
  rename(name: string): void;
  /** `reason` is a code or a class of errors, never a message. */
  fail(reason: string): void;
}

/** A span whose end is not the end of a function. */
export interface OpenSpan extends Span {
  /** Does work as a part of it. */
  run<T>(work: () => T): T;
  end(): void;
}

export interface StartedSpan extends Span {
  readonly context: TraceContext;
  end(): void;
}

/** What makes spans: `tracer.ts`, which is loaded only where traces are exported. */
export interface Tracer extends AsyncDisposable {
  /** Undefined where nothing of the trace is recorded: the context goes on as it is. */
  start(options: SpanOptions, parent: TraceContext | undefined): StartedSpan | undefined;
}

const storage = new AsyncLocalStorage<TraceContext | undefined>();
const silent: OpenSpan = {
  recording: false,
  set: () => undefined,
  rename: () => undefined,
  fail: () => undefined,
  run: (work) => work(),
  end: () => undefined,
};
let tracer: Tracer | undefined;

/** A process has one tracer or none. */
export function setTracer(next: Tracer | undefined): void {
  tracer = next;
}

/** Runs `work` as a part of the trace that these headers name; malformed or absent ones change nothing. */
export function withTrace<T>(headers: Readonly<Record<string, unknown>>, work: () => T): T {
  const context = readTrace(headers);
  return context === undefined ? work() : storage.run(context, work);
}

/** Runs what is nobody's in particular, such as a line about a store, outside of any trace. */
export function withoutTrace<T>(work: () => T): T {
  return storage.getStore() === undefined ? work() : storage.run(undefined, work);
}

/** The same function, called under the trace of now: for listeners, which run under the trace of whoever calls. */
export function inTrace<Args extends unknown[]>(listener: (...args: Args) => void): (...args: Args) => void {
  const context = storage.getStore();
  return context === undefined ? listener : (...args) => storage.run(context, () => listener(...args));
}

/** Runs `work` as a span, which ends with it and fails with what it throws. */
export async function withSpan<T>(options: Described, work: (span: Span) => Promise<T>): Promise<T> {
  const span = start(options);
  if (!span) return work(silent);
  return storage.run(span.context, async () => {
    try {
      return await work(span);
    } catch (error) {
      span.fail(classOf(error));
      throw error;
    } finally {
      span.end();
    }
  });
}

export function openSpan(options: Described): OpenSpan {
  const span = start(options);
  if (!span) return silent;
  return Object.assign(span, { run: <T>(work: () => T): T => storage.run(span.context, work) });
}

function start(options: Described): StartedSpan | undefined {
  return tracer?.start(typeof options === 'function' ? options() : options, storage.getStore());
}

/** `traceparent`, and `tracestate` where there is one, of what is being handled: for calls, events and mails. */
export function traceHeaders(): Readonly<Record<string, string>> {
  const context = storage.getStore();
  if (context === undefined) return {};
  const { traceparent, tracestate } = context;
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}

export function currentTraceparent(): string | undefined {
  return storage.getStore()?.traceparent;
}

/** The trace id in it, for log lines. */
export function currentTraceId(): string | undefined {
  return storage.getStore()?.traceparent.slice(3, 35);
}

/** Of later versions the part that we know is taken, and passed on as the version that we speak. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-[\x21-\x7e]{0,200})?$/;
/** What must be passed on at least; a longer one is not a trace's business. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

function readTrace({ traceparent, tracestate }: Readonly<Record<string, unknown>>): TraceContext | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > 256) return undefined;
  const [, version, ids, flags = '00'] = TRACEPARENT.exec(traceparent) ?? [];
  if (ids === undefined || (version === '00' && traceparent.length !== 55)) return undefined;
  const known = version === '00' ? traceparent : `00-${ids}-${Number.parseInt(flags, 16) % 2 === 1 ? '01' : '00'}`;
  return typeof tracestate === 'string' && TRACESTATE.test(tracestate)
    ? { traceparent: known, tracestate }
    : { traceparent: known };
}

/** `57P01`, `ECONNREFUSED`, `unavailable`, `TypeError`: never the words of an error, which may hold anything. */
function classOf(error: unknown): string {
  if (!isError(error)) return 'unknown';
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^\w{1,40}$/.test(code) ? code : error.name.slice(0, 40);
}
