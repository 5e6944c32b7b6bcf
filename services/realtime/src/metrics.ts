import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { EditResult } from './engine/hub-state.ts';

/** Everything that the service counts. No label has unbounded values. */
export interface Metrics {
  edits(result: EditResult, count: number): void;
  acknowledged(seconds: number): void;
  committed(seconds: number, edits: number): void;
  framesSent(count: number): void;
  resync(reason: 'stale' | 'slow' | 'resume'): void;
  slowClient(): void;
}

const FAST = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(registry: Registry, open: { connections(): number; documents(): number }): Metrics {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('collab_connections', 'Open WebSocket connections', () => open.connections());
  gauge('collab_open_documents', 'Documents in memory', () => open.documents());
  const edits = new Counter({
    name: 'collab_edits_total',
    help: 'Edits by what became of them',
    labelNames: ['result'],
    registers,
  });
  const commit = new Histogram({
    name: 'collab_commit_duration_seconds',
    help: 'Time of one group commit',
    buckets: FAST,
    registers,
  });
  const size = new Histogram({
    name: 'collab_commit_edits',
    help: 'Edits in one group commit',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048],
    registers,
  });
  const ack = new Histogram({
    name: 'collab_edit_ack_duration_seconds',
    help: 'Time from the arrival of an edit to its acknowledgement',
    buckets: FAST,
    registers,
  });
  const frames = new Counter({ name: 'collab_frames_sent_total', help: 'Frames sent to clients', registers });
  const resyncs = new Counter({
    name: 'collab_resyncs_total',
    help: 'Whole texts sent to open sessions',
    labelNames: ['reason'],
    registers,
  });
  const slow = new Counter({ name: 'collab_slow_clients_total', help: 'Clients that could not keep up', registers });
  return {
    edits: (result, count) => edits.inc({ result }, count),
    acknowledged: (seconds) => ack.observe(seconds),
    committed: (seconds, count) => {
      commit.observe(seconds);
      size.observe(count);
    },
    framesSent: (count) => frames.inc(count),
    resync: (reason) => resyncs.inc({ reason }),
    slowClient: () => slow.inc(),
  };
}
