import { committed } from './committed.js';

/** A dashboard as Grafana imports it. */
export interface Dashboard {
  /** Stable: links and bookmarks carry it. */
  readonly uid: string;
  readonly title: string;
  /** Name of its file, in `config/dashboards` and in a ConfigMap. */
  readonly file: string;
  readonly json: unknown;
}

/** The dashboards, as generated and committed in `config/dashboards`. */
export const dashboards: readonly Dashboard[] = committed.map((json) => {
  const { uid, title } = json;
  return { uid, title, file: `${uid}.json`, json };
});
