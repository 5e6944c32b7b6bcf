/** One realtime replica in a process of its own: `replica.ts <variant>`, its configuration in the environment. Says its URLs as one line of JSON. */
import perfHooks from 'node:perf_hooks';
import { startService } from '@collabeditor/kit';
import { Counter, Gauge, Histogram } from 'prom-client';
import { definition } from '../../services/realtime/src/app.ts';

const variant = process.argv[2];
if (variant === 'without') muteMetrics();
const service = await startService(definition, process.env);
process.stdout.write(`${JSON.stringify({ publicUrl: service.publicUrl, telemetryUrl: service.telemetryUrl })}\n`);
process.once('SIGTERM', () => void service[Symbol.asyncDispose]().then(() => process.exit(0)));

/** What the library would do at each event and by its own timers is left out; the product has no such switch. */
function muteMetrics(): void {
  const nothing = (): void => undefined;
  Counter.prototype.inc = nothing;
  Gauge.prototype.set = nothing;
  Histogram.prototype.observe = nothing;
  Histogram.prototype.startTimer = () => () => 0;
  Object.assign(perfHooks, {
    monitorEventLoopDelay: undefined,
    PerformanceObserver: class {
      observe = nothing;
      disconnect = nothing;
    },
  });
}
