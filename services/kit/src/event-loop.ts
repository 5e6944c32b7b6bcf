import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

/** The library's 100 samples a second cost a busy replica several percent of its CPU; ten see every delay that people notice. */
const SAMPLE_EVERY_MS = 100;

type Monitor = ReturnType<typeof monitorEventLoopDelay>;

const delay = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - SAMPLE_EVERY_MS / 1e3);
const statistics: Readonly<Record<string, (monitor: Monitor) => number>> = {
  min: ({ min }) => delay(min),
  max: ({ max }) => delay(max),
  mean: ({ mean }) => delay(mean),
  stddev: ({ stddev }) => stddev / 1e9,
  p50: (monitor) => delay(monitor.percentile(50)),
  p90: (monitor) => delay(monitor.percentile(90)),
  p99: (monitor) => delay(monitor.percentile(99)),
};

/** For the library, whose own monitor can't be left out: lets it sleep. */
export const SLEEPING_MONITOR = { eventLoopMonitoringPrecision: 2 ** 31 - 1 };

/**
 * Puts a cheaper monitor in place of the library's, under the same names. What it tells is the delay alone, without the time
 * between samples that Node.js counts in.
 */
export function measureEventLoop(registry: Registry): Disposable {
  const monitor = monitorEventLoopDelay({ resolution: SAMPLE_EVERY_MS });
  monitor.enable();
  const gauges = new Map<string, Gauge>();
  for (const name of Object.keys(statistics)) {
    const fullName = `nodejs_eventloop_lag_${name}_seconds`;
    registry.removeSingleMetric(fullName);
    const gauge = new Gauge({
      name: fullName,
      help: `Delay of the event loop since the last scrape in seconds: ${name}`,
      registers: [registry],
      // The first one reads for all, so that they are of the same samples.
      ...(gauges.size === 0 ? { collect: () => readAll(monitor, gauges) } : {}),
    });
    gauges.set(name, gauge);
  }
  return {
    [Symbol.dispose]: () => {
      monitor.disable();
    },
  };
}

function readAll(monitor: Monitor, gauges: ReadonlyMap<string, Gauge>): void {
  const { count } = monitor;
  for (const [name, gauge] of gauges) gauge.set(count > 0 ? (statistics[name]?.(monitor) ?? 0) : 0);
  monitor.reset();
}
