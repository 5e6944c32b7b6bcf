import { committed } from './committed.js';

/** A dashboard as Grafana imports it. */
export interface Dashboard {
  /** Stable: links and bookmarks carry it. */
  readonly uid: string;
  readonly title: string;
  /** Name of its file, in `config/dashboards` and in a ConfigMap. */
  readonly file: string;
  /** What it is about. A Prometheus that sees one namespace only has nothing for a dashboard of the operator. */
  readonly scope: 'environment' | 'operator';
  readonly json: unknown;
}

/** The dashboards, as generated and committed in `config/dashboards`. */
export const dashboards: readonly Dashboard[] = committed.map((json) => {
  const { uid, title } = json;
  const scope = uid === 'collabeditor-operator' ? 'operator' : 'environment';
  return { uid, title, file: `${uid}.json`, scope, json };
});
