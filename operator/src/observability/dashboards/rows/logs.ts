import type { Row } from '../board.ts';
import { logCounts, logLines } from '../panels.ts';
import { streams } from '../selectors.ts';

/** Log lines of components, closed at first: an environment may keep its logs elsewhere. */
export function logRow(components: string, what: string): Row {
  return {
    title: 'Logs (where an environment keeps them in Loki)',
    collapsed: true,
    panels: [
      logCounts(
        {
          title: 'Lines by level',
          description: `Log lines of ${what} at the chosen levels. Normal: next to none at warn and above.`,
        },
        streams(components),
      ),
      logLines(
        { title: 'Lines', description: `Lines of ${what} at the chosen levels, the newest first.` },
        streams(components),
      ),
    ],
  };
}
