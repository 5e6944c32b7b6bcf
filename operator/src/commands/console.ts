/** Where a command reads its surroundings from and writes to: the process, or a test. */
export interface Console {
  env: Readonly<Record<string, string | undefined>>;
  out: (text: string) => void;
  err: (text: string) => void;
  readInput: () => Promise<string>;
  /** Aborted when the process is asked to end. */
  signal: AbortSignal;
}
