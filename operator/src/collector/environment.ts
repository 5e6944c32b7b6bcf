/** An environment whose logs are kept. Both names are DNS labels: letters, digits and hyphens, no dot and no underscore. */
export interface LoggingEnvironment {
  namespace: string;
  name: string;
}

/** Name of an environment's components in the configuration; a namespace has no dot, so no two environments share one. */
export function componentName({ namespace, name }: LoggingEnvironment): string {
  return `${namespace}.${name}`;
}

/** The component name of the environment whose checkpoints or queue a file of the collector's folder holds. */
export function ownerOfFile(file: string): string | undefined {
  return /^(?:receiver|exporter)_[a-z_]+_([a-z0-9-]+\.[a-z0-9-]+)(?:_logs)?$/.exec(file)?.[1];
}
