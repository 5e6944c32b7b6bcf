import { all } from './all.ts';

/** The files of `config/dashboards`. */
export function dashboardFiles(): { path: string; content: string }[] {
  return all().map((dashboard) => ({
    path: `config/dashboards/${String(dashboard.uid)}.json`,
    content: `${JSON.stringify(dashboard, null, 2)}\n`,
  }));
}
