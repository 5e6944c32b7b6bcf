/** Why the tool gave up. */
export type ClusterErrorCode = 'command-failed' | 'missing-packages' | 'not-running' | 'timeout' | 'unsupported';

/** A failure that a person can act on. `log` is the file that tells more. */
export class ClusterError extends Error {
  readonly code: ClusterErrorCode;
  readonly log: string | undefined;

  constructor(code: ClusterErrorCode, message: string, log?: string) {
    super(message);
    this.name = 'ClusterError';
    this.code = code;
    this.log = log;
  }
}

/** The message of anything that can be thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
