/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, differences: 2, usage: 64, configuration: 78 } as const;

/** The configuration can't be used. Lists everything that is wrong with it at once. */
export class ConfigurationError extends Error {
  readonly problems: string[];

  constructor(problems: string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}
