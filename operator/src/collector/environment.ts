/** An environment whose logs are kept. Both names are DNS labels: letters, digits and hyphens, no dot and no underscore. */
export interface LoggingEnvironment {
  namespace: string;
  name: string;
}

/** Name of an environment's components in the configuration; a namespace has no dot, so no two environments share one. */
export function componentName({ namespace, name }: LoggingEnvironment): string {
  return `${namespace}.${name}`;
}
