import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { currentTraceId, inTrace, openSpan, traceHeaders, withoutTrace, withSpan, withTrace } from './trace.ts';

const ids = `${'a'.repeat(32)}-${'b'.repeat(16)}`;
const traceparent = `00-${ids}-01`;
const passedOn = (headers: Record<string, unknown>) => withTrace(headers, traceHeaders);

describe('a trace that comes with a request', () => {
  it.each([`00-${ids}-00`, `00-${ids}-01`, `00-${ids}-ff`])('[KI70] %s goes on unchanged', (value) => {
    const tracestate = 'vendor=opaque,other=t61rcWkgMzE';
    expect(passedOn({ traceparent: value, tracestate })).toEqual({ traceparent: value, tracestate });
    expect(withTrace({ traceparent: value }, currentTraceId)).toBe('a'.repeat(32));
  });

  it('[KI70] goes on unchanged through spans that nobody keeps', async () => {
    const inner = await withTrace({ traceparent }, () =>
      withSpan({ name: 'x', kind: 'client' }, async (span) => {
        expect(span.recording).toBe(false);
        const open = openSpan({ name: 'y', kind: 'server' });
        return open.run(traceHeaders);
      }),
    );
    expect(inner).toEqual({ traceparent });
  });

  it.each([
    ['no text', 42],
    ['two of them', `${traceparent}, ${traceparent}`],
    ['another form', 'x'],
    ['capitals', traceparent.toUpperCase()],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`],
    ['a parent of zeros', `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`],
    ['version ff', `ff-${ids}-01`],
    ['more after version 00', `00-${ids}-01-more`],
    ['a line break', `00-${ids}-01\n`],
    ['a megabyte', `01-${ids}-01-${'x'.repeat(2 ** 20)}`],
  ])('[KI71] counts as none with %s', (_, value) => {
    expect(passedOn({ traceparent: value, tracestate: 'a=b' })).toEqual({});
  });

  it('[KI71] of a later version goes on as the version that is known', () => {
    expect(passedOn({ traceparent: `cc-${ids}-03-what-will-be` })).toEqual({ traceparent });
    expect(passedOn({ traceparent: `01-${ids}-02` })).toEqual({ traceparent: `00-${ids}-00` });
  });

  it.each(['', 'x'.repeat(513), 'a=b\r\nx: y', 'a=\u202e'])(
    '[KI71] goes on without a tracestate of %j',
    (tracestate) => {
      expect(passedOn({ traceparent, tracestate })).toEqual({ traceparent });
    },
  );

  it('[KI71] takes no baggage along', () => {
    expect(passedOn({ traceparent, baggage: 'user=ada' })).toEqual({ traceparent });
  });
});

it('[KI88] a listener runs under the trace in which it was made, and what is nobody’s under none', () => {
  const listener = withTrace({ traceparent }, () => inTrace(() => expect(currentTraceId()).toBe('a'.repeat(32))));
  listener();
  expect(currentTraceId()).toBeUndefined();
  expect(withTrace({ traceparent }, () => withoutTrace(currentTraceId))).toBeUndefined();
  expect.assertions(3);
});

/** Prints which modules of the SDK a process has loaded once tracing was started with this environment. */
const script = `
  import { registerHooks } from 'node:module';
  const loaded = new Set();
  registerHooks({ load: (url, context, next) => (/@opentelemetry\\/(sdk-trace|exporter)/.test(url) && loaded.add(url), next(url, context)) });
  const { baseFields, parseConfig, createLogger } = await import('./index.ts');
  const { startTracing } = await import('./tracing.ts');
  const required = { DATABASE_URL: 'postgres://h/d', AMQP_URL: 'amqp://h', SERVICE_TOKEN: 'x'.repeat(16) };
  const config = parseConfig(baseFields, { ...process.env, ...required });
  await startTracing({ config, service: 's', version: '0', log: createLogger({ service: 's', pod: 'p', level: 'silent' }) });
  console.log(loaded.size);
`;

it('[KI70] loads nothing of the SDK without an endpoint, or where it is disabled', async () => {
  const loadedWith = async (env: Record<string, string>) => {
    const args = ['--no-warnings', '--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname, env });
    return Number(stdout);
  };
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:1';
  expect(await loadedWith({})).toBe(0);
  expect(await loadedWith({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: 'true' })).toBe(0);
  expect(await loadedWith({ OTEL_EXPORTER_OTLP_ENDPOINT })).toBeGreaterThan(0);
});
