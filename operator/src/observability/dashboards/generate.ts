import { events } from './boards/events.ts';
import { operator } from './boards/operator.ts';
import { overview } from './boards/overview.ts';
import { realtime } from './boards/realtime.ts';
import { stores } from './boards/stores.ts';

/** The files of `config/dashboards`. */
export function dashboardFiles(): { path: string; content: string }[] {
  return [overview(), realtime(), events(), stores(), operator()].map((dashboard) => ({
    path: `config/dashboards/${String(dashboard.uid)}.json`,
    content: `${JSON.stringify(dashboard, null, 2)}\n`,
  }));
}
