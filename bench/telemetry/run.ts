/**
 * What telemetry costs: the hot document (scenario S1 of the peers' harness: 50 people, 5 edits a second each, 10,000 characters)
 * on one realtime replica with real stores, with and without telemetry, in turns.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { startWorld, type World } from '../../services/realtime/test/world.ts';
import setup, { stop } from '../../test/harness/setup.ts';
import { Typist } from './load.ts';

const variants = ['without', 'shipped', 'traced'] as const;
type Variant = (typeof variants)[number];

interface Run {
  readonly cpuMsPerThousand: number;
  readonly deliveries: number;
  readonly scrapeMs: number;
  readonly scrapeBytes: number;
}

const ticksPerSecond = 100;
const people = 50;

async function main(): Promise<void> {
  const count = (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number from 1');
    return value;
  };
  const options = new Command('bench/telemetry/run.ts')
    .description(
      'CPU of a realtime replica for 1,000 deliveries: without metrics and logs, as shipped, and with traces.',
    )
    .option('--runs <n>', 'runs of each variant', count, 5)
    .option('--seconds <n>', 'seconds that are measured of each run, after 3 to warm up', count, 10)
    .parse()
    .opts<{ runs: number; seconds: number }>();
  await setup();
  const world = await startWorld();
  const sink = createServer((request, response) => {
    request.resume();
    request.once('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
  const runs = new Map<Variant, Run[]>(variants.map((variant) => [variant, []]));
  for (let round = 1; round <= options.runs; round += 1) {
    // Each round begins with another variant, so that none always runs on the warmer machine.
    for (const index of variants.keys()) {
      const variant = variants[(index + round) % variants.length] ?? 'shipped';
      const run = await measure(world, variant, endpoint, options.seconds);
      runs.get(variant)?.push(run);
      console.log(
        `round ${round} ${variant.padEnd(8)} ${run.cpuMsPerThousand.toFixed(2)} ms / 1000 deliveries, ${run.deliveries} deliveries`,
      );
    }
  }
  report(runs);
  sink.close();
  await world[Symbol.asyncDispose]();
  await stop();
  process.exit(0);
}

async function measure(world: World, variant: Variant, endpoint: string, seconds: number): Promise<Run> {
  const replica = await startReplica(world, variant, endpoint);
  const person = await world.person();
  const documentId = world.document(person);
  const url = `${replica.publicUrl.replace('http', 'ws')}/ws/doc/${documentId}`;
  const typists = await Promise.all(
    Array.from({ length: people }, (_, index) => Typist.join(url, person.token, `typist-${index}`)),
  );
  const ended = new AbortController();
  const typing = Promise.all(typists.map((typist) => typist.type(200, ended.signal)));
  const delivered = (): number => typists.reduce((sum, typist) => sum + typist.deliveries, 0);
  await delay(3_000);
  const before = { cpu: cpuSeconds(replica.pid), deliveries: delivered() };
  await delay((seconds * 1000) / 2);
  const scrape = variant === 'without' ? { ms: 0, bytes: 0 } : await scrapeOnce(replica.telemetryUrl);
  await delay((seconds * 1000) / 2);
  const deliveries = delivered() - before.deliveries;
  const cpu = cpuSeconds(replica.pid) - before.cpu;
  ended.abort();
  await typing;
  for (const typist of typists) typist.close();
  await replica.stop();
  return {
    cpuMsPerThousand: (cpu * 1e6) / deliveries,
    deliveries,
    scrapeMs: scrape.ms,
    scrapeBytes: scrape.bytes,
  };
}

async function startReplica(world: World, variant: Variant, endpoint: string) {
  const child: ChildProcess = spawn('node', [join(import.meta.dirname, 'replica.ts'), variant], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...world.env,
      LOG_LEVEL: variant === 'without' ? 'silent' : 'info',
      ...(variant === 'traced' ? { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } : {}),
    },
  });
  if (!child.stdout || child.pid === undefined) throw new Error('the replica did not start');
  const { promise, resolve } = Promise.withResolvers<{ publicUrl: string; telemetryUrl: string }>();
  // Log lines come this way too; reading them is what a container runtime does.
  createInterface(child.stdout).on('line', (line) => {
    if (line.includes('"publicUrl"')) resolve(JSON.parse(line) as { publicUrl: string; telemetryUrl: string });
  });
  const urls = await promise;
  const stopped = once(child, 'exit');
  return {
    ...urls,
    pid: child.pid,
    stop: async () => {
      child.kill('SIGTERM');
      await stopped;
    },
  };
}

async function scrapeOnce(telemetryUrl: string): Promise<{ ms: number; bytes: number }> {
  const start = performance.now();
  const text = await (await fetch(`${telemetryUrl}/metrics`)).text();
  return { ms: performance.now() - start, bytes: text.length };
}

/** User and system time of a process. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function report(runs: ReadonlyMap<Variant, readonly Run[]>): void {
  const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  const base = middle((runs.get('without') ?? []).map(({ cpuMsPerThousand }) => cpuMsPerThousand));
  console.log(
    '\n| variant | CPU ms / 1000 deliveries: median (least to most) | against without |\n| --- | --- | --- |',
  );
  for (const [variant, all] of runs) {
    const cpu = all.map(({ cpuMsPerThousand }) => cpuMsPerThousand);
    const share = ((middle(cpu) / base - 1) * 100).toFixed(1);
    console.log(
      `| ${variant} | ${middle(cpu).toFixed(2)} (${Math.min(...cpu).toFixed(2)} to ${Math.max(...cpu).toFixed(2)}) | ${share} % |`,
    );
  }
  const shipped = runs.get('shipped') ?? [];
  console.log(
    `\na scrape: ${middle(shipped.map(({ scrapeMs }) => scrapeMs)).toFixed(1)} ms, ${middle(shipped.map(({ scrapeBytes }) => scrapeBytes))} bytes`,
  );
}

await main();
