import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { route } from '@collabeditor/contracts';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import Type from 'typebox';
import { eventually } from '../../../test/harness/eventually.ts';
import { type Collector, type ReceivedSpan, startCollector } from '../test/collector.ts';
import { baseFields, ConfigError, parseConfig } from './config.ts';
import { createHttpApp } from './http.ts';
import { createLogger } from './log.ts';
import { acceptPeers, createPeerClient } from './peer.ts';
import { handle, reply } from './route.ts';
import { currentTraceparent, traceHeaders, withSpan, withTrace } from './trace.ts';
import { startTracing } from './tracing.ts';

const ids = `${'a'.repeat(32)}-${'b'.repeat(16)}`;
const required = {
  DATABASE_URL: 'postgres://h/d',
  AMQP_URL: 'amqp://h',
  SERVICE_TOKEN: 'x'.repeat(16),
  POD_NAME: 'pod-1',
};

let collector: Collector;
let lines: string[];
const cleanups: (() => PromiseLike<unknown>)[] = [];
beforeEach(async () => {
  collector = await startCollector();
  lines = [];
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await collector[Symbol.asyncDispose]();
});

/** Answers how to end it, which sends what waits. */
async function trace(env: Record<string, string> = {}): Promise<() => Promise<void>> {
  const log = createLogger({
    service: 'probe',
    pod: 'pod-1',
    level: 'debug',
    destination: { write: (line) => lines.push(line) },
  });
  const config = parseConfig(baseFields, {
    ...required,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: 'parentbased_always_on',
    ...env,
  });
  const tracing = await startTracing({ config, service: 'probe-service', version: '1.2.3', log });
  const end = async () => tracing[Symbol.asyncDispose]();
  cleanups.push(end);
  return end;
}

const work = async (name: string, inner: () => Promise<unknown> = async () => undefined): Promise<string> =>
  withSpan({ name, kind: 'internal' }, async () => {
    await inner();
    return currentTraceparent() ?? '';
  });

async function serve(fail = false) {
  const thing = { access: 'public', summary: '', answers: {}, method: 'get' } as const;
  const params = Type.Object({ id: Type.String({ format: 'uuid' }) });
  const inner = route({
    ...thing,
    id: 'inner',
    access: 'peer',
    path: '/internal/{id}',
    params,
    answers: { 200: { description: '' } },
  });
  const outer = route({ ...thing, id: 'outer', path: '/things/{id}', params });
  const seen: unknown[] = [];
  const options = {
    metrics: new Registry(),
    log: createLogger({
      service: 'probe',
      pod: 'p',
      level: 'debug',
      destination: { write: (line) => lines.push(line) },
    }),
    peers: acceptPeers({ me: 'my-service-token' }),
  };
  const server = createServer(
    createHttpApp({
      ...options,
      routes: [
        handle(inner, async ({ headers }) => {
          seen.push(headers);
          return reply(200, {});
        }),
        handle(outer, async ({ params: { id } }) => {
          if (fail) throw new TypeError('secret words');
          await client.call(inner, { params: { id } });
          return reply(200, {});
        }),
      ],
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createPeerClient({ baseUrl: url, serviceToken: 'my-service-token', name: 'inner' });
  cleanups.push(async () => {
    await client[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url, seen };
}

const named = (name: string): ReceivedSpan => {
  const found = collector.spans.find((span) => span.name === name);
  if (!found) throw new Error(`no span ${name} among ${collector.spans.map((span) => span.name).join(', ')}`);
  return found;
};
const droppedSpans = (): number => lines.reduce((sum, line) => sum + (JSON.parse(line) as { spans: number }).spans, 0);
const within = async (milliseconds: number, ending: Promise<void>): Promise<void> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${milliseconds} ms`)), milliseconds);
  await Promise.race([ending, late]).finally(() => clearTimeout(timer));
};
const id = '7f3c1a52-0d7e-4b1c-9a3f-6f2d8b1e4c55';

describe('a request', () => {
  it('[KI72, KI74] is a span below its caller, and a call to a peer is a pair of spans below it', async () => {
    const end = await trace();
    const { url, seen } = await serve();
    const headers = { traceparent: `00-${ids}-01`, tracestate: 'vendor=x', baggage: 'a=b', 'user-agent': 'evil-agent' };
    await fetch(`${url}/things/${id}?token=secret-value`, { headers });
    await eventually(() => expect(lines.filter((line) => line.includes('request_answered'))).toHaveLength(2));
    await end();
    const [outer, call, inner] = [
      named('GET /things/{id}'),
      named('GET /internal/{id}'),
      collector.spans.find(({ kind, name }) => kind === 'server' && name === 'GET /internal/{id}'),
    ];
    const client = collector.spans.find(({ kind }) => kind === 'client');
    expect(collector.spans.map(({ traceId }) => traceId)).toEqual(Array<string>(3).fill('a'.repeat(32)));
    expect([outer.kind, outer.parentSpanId]).toEqual(['server', 'b'.repeat(16)]);
    expect(client?.parentSpanId).toBe(outer.spanId);
    expect(inner?.parentSpanId).toBe(client?.spanId);
    expect(call.traceId).toBe(outer.traceId);
    expect(outer.attributes).toEqual({
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'http.route': '/things/{id}',
      'http.response.status_code': 200,
    });
    expect(client?.attributes).toMatchObject({ 'url.template': '/internal/{id}', 'http.response.status_code': 200 });
    expect(seen).toEqual([expect.objectContaining({ tracestate: 'vendor=x' })]);
    expect(seen).toEqual([expect.not.objectContaining({ baggage: 'a=b' })]);
    expect(collector.bodies.join()).not.toMatch(/secret-value|evil-agent|7f3c1a52/);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ traceId: 'a'.repeat(32) });
  });

  it('[KI74] that fails is a failed span without a word of the error', async () => {
    const end = await trace();
    const { url } = await serve(true);
    await fetch(`${url}/things/${id}`);
    await fetch(`${url}/nowhere/${id}`, { method: 'PROPFIND' });
    await eventually(() => expect(lines.filter((line) => line.includes('request_answered'))).toHaveLength(2));
    await end();
    expect(named('GET /things/{id}')).toMatchObject({ failed: true, attributes: { 'error.type': '500' } });
    expect(named('OTHER')).toMatchObject({ failed: false, attributes: { 'http.response.status_code': 404 } });
    expect(collector.bodies.join()).not.toMatch(/secret words|PROPFIND|nowhere/);
  });

  it('[KI71] may have a hostile traceparent, or headers without end', async () => {
    const end = await trace();
    const { url } = await serve();
    const status = async (headers: Record<string, string>) => (await fetch(`${url}/things/${id}`, { headers })).status;
    expect(await status({ traceparent: `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01` })).toBe(200);
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[\x20-\x7e]{0,300}$/), async (traceparent) => {
        expect(await status({ traceparent, tracestate: traceparent })).toBe(200);
      }),
      { numRuns: 30 },
    );
    expect(await status({ traceparent: 'x'.repeat(2 ** 20) })).toBe(431);
    expect(await status({})).toBe(200);
    await end();
    expect(collector.spans.every(({ traceId }) => /^(?!0{32})[0-9a-f]{32}$/.test(traceId))).toBe(true);
  });
});

describe('the sampler', () => {
  it('[KI73] heeds the flag of the caller, both ways', async () => {
    const end = await trace({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' });
    await withTrace({ traceparent: `00-${ids}-01` }, () => work('wanted', () => work('wanted too')));
    const unsampled = `00-${ids}-00`;
    expect(await withTrace({ traceparent: unsampled }, () => work('unwanted'))).toBe(unsampled);
    await end();
    expect(collector.spans.map(({ name }) => name).sort()).toEqual(['wanted', 'wanted too']);
    expect(named('wanted too').parentSpanId).toBe(named('wanted').spanId);
  });

  it('[KI73] decides where there is no caller; a trace that is not kept has an id all the same', async () => {
    const end = await trace({ OTEL_TRACES_SAMPLER: 'always_off' });
    let inner: unknown;
    const own = await work('unwanted', async () => (inner = traceHeaders()));
    expect(own).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(inner).toEqual({ traceparent: own });
    await end();
    expect(collector.spans).toEqual([]);
  });

  it('[KI73] keeps a tenth unless told otherwise', async () => {
    const end = await trace({ OTEL_TRACES_SAMPLER: '' });
    for (let count = 0; count < 1_000; count++) await work('one of many');
    await end();
    expect(collector.spans.length).toBeGreaterThan(40);
    expect(collector.spans.length).toBeLessThan(200);
  });

  it.each([
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
    ['OTEL_TRACES_SAMPLER_ARG', 'x'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'secret-collector:4317'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=Bearer secret,%zz'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'a=%zz'],
  ])('[KI73] %s=%s is a wrong configuration', (name, value) => {
    let caught: unknown;
    try {
      parseConfig(baseFields, { ...required, [name]: value });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(ConfigError);
    expect(String(caught)).toContain(name);
    expect(String(caught)).not.toContain('secret');
  });
});

it('[KI76] tells who it is, and shows the collector its credentials and nobody else', async () => {
  const end = await trace({
    OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=team%2Fa,service.name=overruled',
    OTEL_SERVICE_NAME: 'named',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret%201,x-other=b',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-other=c',
  });
  await work('x');
  await end();
  expect(collector.spans[0]?.resource).toEqual({
    'service.name': 'named',
    'service.namespace': 'team/a',
    'service.instance.id': 'pod-1',
    'service.version': '1.2.3',
  });
  expect(collector.headers[0]).toMatchObject({ 'x-key': 'secret 1', 'x-other': 'c' });
  expect(lines.join()).not.toContain('secret');
});

describe('a collector', () => {
  it('[KI75] that is away costs spans and one line', async () => {
    const { url } = collector;
    await collector[Symbol.asyncDispose]();
    const end = await trace({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_HEADERS: 'authorization=secret' });
    for (let count = 0; count < 10_000; count++) await work('lost');
    await within(5_000, end());
    const dropped = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(dropped.filter(({ event }) => event !== 'traces_dropped')).toEqual([]);
    // The second one is the account at the end.
    expect(dropped.length).toBeLessThanOrEqual(2);
    expect(droppedSpans()).toBe(10_000);
    expect(lines.join()).not.toContain('secret');
  });

  it('[KI75] that stalls holds nobody up, the end neither', async () => {
    collector.behaviour = 'stalls';
    const end = await trace();
    for (let count = 0; count < 5_000; count++) await work('waiting');
    await eventually(() => expect(collector.bodies.length).toBeGreaterThan(0));
    await within(5_000, end());
    expect(droppedSpans()).toBe(5_000);
  });

  it('[KI75] that refuses is told of once, with the number of spans', async () => {
    collector.behaviour = 'refuses';
    const end = await trace();
    for (let count = 0; count < 600; count++) await work('refused');
    await end();
    expect(droppedSpans()).toBe(600);
  });
});
