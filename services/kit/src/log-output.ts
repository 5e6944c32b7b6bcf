import type { DestinationStream } from 'pino';

/** Bytes that may wait for a reader of the log. What is beyond it is dropped and counted. */
const LONGEST_BACKLOG = 4 * 1024 * 1024;

interface Sink {
  readonly writableLength: number;
  write(line: string): boolean;
  on(event: 'error' | 'drain', listener: () => void): unknown;
}

/**
 * Lines to standard output, never waiting for whoever reads it.
 *
 * A container runtime that stalls leaves the pipe full. Writing synchronously (a blocking `write`, or one that tries again until it
 * succeeds) would then stop every request of the process; writing by the thread pool would hold one of its four threads, and the end
 * of the process with it. Node.js' own stream of a pipe writes at once what the pipe takes, in order, and keeps the rest: so nothing
 * is lost at an exit as long as somebody reads. What waits is bounded: a log with a hole, which says how large it is, is better than a
 * service without memory. When the reader has gone for good (EPIPE) lines go nowhere and the service lives on.
 */
export function standardOutput(onDropped: (lines: number) => void): DestinationStream {
  return (shared ??= boundedOutput(process.stdout, onDropped));
}

let shared: DestinationStream | undefined;

/** `onDropped` is called when there is room again. */
export function boundedOutput(sink: Sink, onDropped: (lines: number) => void): DestinationStream {
  let isOpen = true;
  let dropped = 0;
  sink.on('error', () => {
    isOpen = false;
  });
  sink.on('drain', () => {
    if (dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    onDropped(lines);
  });
  return {
    write(line) {
      if (!isOpen) return;
      if (sink.writableLength > LONGEST_BACKLOG) dropped++;
      else sink.write(line);
    },
  };
}
