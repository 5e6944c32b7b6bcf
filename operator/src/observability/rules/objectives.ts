import { byEnvironment, type Select, services } from './select.ts';

/** A promise about a share of good events. */
export interface Objective {
  /** Part of the names of its records: `collab:<key>:ratio_rate5m`. */
  readonly key: string;
  readonly alert: string;
  /** Share of events that may be bad, in percent. */
  readonly budgetPercent: number;
  /** The events, and when one is bad, as a person says it. */
  readonly events: string;
  readonly badness: string;
  readonly dashboard: string;
  readonly firstLook: string;
  readonly command: string;
  /**
   * Whether people wait for the answer to one event before they cause the next. Then an outage makes few events, and their share
   * of an hour hardly grows; a share of the last two minutes tells.
   */
  readonly isClosedLoop: boolean;
  /**
   * Bad events, and all of them, a second. Bad is 0, not absent, where there are only good ones; `zero` is an expression for that 0
   * which costs less than the events of the whole window.
   */
  readonly bad: (select: Select, window: string, zero?: string) => string;
  readonly all: (select: Select, window: string) => string;
}

const sum = (series: string, window: string): string => `sum ${byEnvironment} (rate(${series}[${window}]))`;

const ofEnvironment = '-l app.kubernetes.io/instance={{ $labels.environment }}';
const realtimeLog = `kubectl -n {{ $labels.namespace }} logs ${ofEnvironment},app.kubernetes.io/name=realtime-service --tail=50`;

const ack = 'collab_edit_ack_duration_seconds';

const edits: Objective = {
  key: 'edits_failing',
  alert: 'CollabEditsFailingOrSlow',
  budgetPercent: 1,
  events: 'edits',
  badness: 'were refused as unavailable or acknowledged after more than 500 ms',
  dashboard: 'collabeditor-realtime',
  firstLook: 'Is PostgreSQL there, and how long do its commits take?',
  command: realtimeLog,
  isClosedLoop: true,
  bad: (select, window) => {
    const count = sum(select(`${ack}_count`), window);
    const late = `clamp_min(${count} - ${sum(select(`${ack}_bucket`, 'le="0.5"'), window)}, 0)`;
    return `${late} + (${sum(select('collab_edits_total', 'result="unavailable"'), window)} or 0 * ${count})`;
  },
  all: (select, window) => {
    const count = sum(select(`${ack}_count`), window);
    return `${count} + (${sum(select('collab_edits_total', 'result="unavailable"'), window)} or 0 * ${count})`;
  },
};

function requests(
  about: Pick<Objective, 'key' | 'alert' | 'events' | 'badness' | 'firstLook' | 'command'> & {
    readonly dashboard: string;
    readonly routes: string;
  },
): Objective {
  const { routes, ...rest } = about;
  const series = (select: Select, matchers: string): string =>
    select('http_request_duration_seconds_count', `component=~"${services}", ${routes}${matchers}`);
  const all = (select: Select, window: string): string => sum(series(select, ''), window);
  return {
    ...rest,
    budgetPercent: 0.1,
    isClosedLoop: false,
    all,
    bad: (select, window, zero = `0 * ${all(select, window)}`) =>
      `${sum(series(select, ', status=~"5.."'), window)} or ${zero}`,
  };
}

/** Calls between services are left out: whoever is let down by one answers a user's request with an error of its own. */
const rest = requests({
  key: 'rest_errors',
  alert: 'CollabRestErrors',
  events: 'REST requests',
  badness: 'were answered with a server error',
  dashboard: 'collabeditor-overview',
  firstLook: 'Which service and route fail, and is a data store away?',
  command: `kubectl -n {{ $labels.namespace }} get pods ${ofEnvironment}`,
  routes: 'route!~"/ws/.*|/internal/.*|/metrics|/healthz|/readyz"',
});

const webSockets = requests({
  key: 'websocket_errors',
  alert: 'CollabWebSocketErrors',
  events: 'WebSocket upgrades',
  badness: 'were answered with a server error',
  dashboard: 'collabeditor-realtime',
  firstLook: 'Is the replica full or stopping, or is the document service away that knows the roles?',
  command: realtimeLog,
  routes: 'route="/ws/doc/{id}"',
});

/** The service level objectives of an environment. */
export const objectives: readonly Objective[] = [edits, rest, webSockets];
