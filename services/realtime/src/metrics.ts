import { type RequestMetrics, requestMetrics } from '@collabeditor/kit';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { EditResult, ResyncReason } from './engine/hub-state.ts';

/** Everything that the service counts. No label has unbounded values. */
export interface Metrics {
  edits(result: EditResult, count: number): void;
  /** Edits that one frame brought, acknowledged together. */
  acknowledged(seconds: number, edits: number): void;
  committed(seconds: number, edits: number): void;
  frameSent(): void;
  resync(reason: ResyncReason): void;
  slowClient(): void;
  /** An upgrade was answered. */
  upgrade(route: UpgradeRoute, status: number, seconds: number): void;
}

/** What is true at the moment of a scrape. */
export interface State {
  readonly connections: () => number;
  readonly documents: () => number;
  readonly lagSeconds: () => number;
}

export type UpgradeRoute = '/ws/doc/{id}' | 'unmatched';

/** Results that an edit can have, or a frame that ought to have brought one. */
const results: readonly EditResult[] = [
  'accepted',
  'duplicate',
  'out_of_sync',
  'invalid_frame',
  'unknown_type',
  'invalid_operation',
  'read_only',
  'nothing_to_undo',
  'nothing_to_redo',
  'document_too_large',
  'rate_limited',
  'in_flight',
  'id_reused',
  'unavailable',
];
const reasons: readonly ResyncReason[] = ['stale', 'slow', 'resume'];
const upgradeStatuses = [101, 400, 401, 404, 503];

/** Around what a commit takes when all is well, the 0.5 s of the objective, and where edits are given up. */
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];
const ACK_SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const COMMIT_EDITS = [1, 2, 5, 10, 25, 100, 500, 2000];

export function createMetrics(registry: Registry, state: State): Metrics {
  const registers = [registry];
  showState(registry, state);
  const edits = tally<EditResult>(registry, 'result', results, {
    name: 'collab_edits_total',
    help: 'Edits by what their authors were told; a frame that could not be read counts as one edit',
  });
  const resyncs = tally(registry, 'reason', reasons, {
    name: 'collab_resyncs_total',
    help: 'Whole texts sent to sessions that had one before, by why they needed it',
  });
  const slow = total(registry, 'collab_slow_clients_total', 'Times that a client could not keep up with what was sent');
  const frames = total(registry, 'collab_frames_sent_total', 'Frames handed to the sockets of clients');
  const commit = new Histogram({
    name: 'collab_commit_duration_seconds',
    help: 'Time of one group commit',
    buckets: COMMIT_SECONDS,
    registers,
  });
  const size = new Histogram({
    name: 'collab_commit_edits',
    help: 'Edits in one group commit',
    buckets: COMMIT_EDITS,
    registers,
  });
  const ack = new Histogram({
    name: 'collab_edit_ack_duration_seconds',
    help: 'Time from the arrival of an edit to its acknowledgement',
    buckets: ACK_SECONDS,
    registers,
  });
  const requests = shownUpgrades(requestMetrics(registry));
  return {
    edits: (result, count) => edits.add(result, count),
    acknowledged: (seconds, count) => {
      for (let edit = 0; edit < count; edit++) ack.observe(Math.max(0, seconds));
    },
    committed: (seconds, count) => {
      commit.observe(seconds);
      size.observe(count);
    },
    frameSent: frames.add,
    resync: (reason) => resyncs.add(reason, 1),
    slowClient: slow.add,
    upgrade: (route, status, seconds) => requests.observe({ method: 'GET', route, status }, seconds),
  };
}

function showState(registry: Registry, { connections, documents, lagSeconds }: State): void {
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('collab_connections', 'Open WebSocket connections', connections);
  gauge('collab_open_documents', 'Documents in memory', documents);
  gauge(
    'collab_replica_lag_seconds',
    'Longest time for which an open document of this replica has been behind a newer committed version',
    lagSeconds,
  );
}

function shownUpgrades(requests: RequestMetrics): RequestMetrics {
  for (const status of upgradeStatuses) requests.show({ method: 'GET', route: '/ws/doc/{id}', status });
  return requests;
}

interface Named {
  readonly name: string;
  readonly help: string;
}

/** A counter whose values are plain numbers until they are scraped, since it moves with every frame. All values are there from the start. */
function tally<Label extends string>(registry: Registry, label: string, values: readonly Label[], named: Named) {
  const counts = new Map<Label, number>(values.map((value) => [value, 0]));
  new Counter({
    ...named,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, count] of counts) this.inc({ [label]: value }, count);
    },
  });
  return { add: (value: Label, count: number) => void counts.set(value, (counts.get(value) ?? 0) + count) };
}

function total(registry: Registry, name: string, help: string): { readonly add: () => void } {
  let count = 0;
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(count);
    },
  });
  const add = (): void => {
    count++;
  };
  return { add };
}
