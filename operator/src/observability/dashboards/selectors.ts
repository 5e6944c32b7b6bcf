/** Series of the environment that is looked at, of its pods that are chosen, or of one of its components. */
export function of(metric: string, matchers = ''): string {
  return `${metric}{namespace="$namespace", environment="$environment"${matchers === '' ? '' : `, ${matchers}`}}`;
}

/** The same for the operator, which belongs to no environment; its namespace has a variable of its own, so that links don't carry it away. */
export function ofOperator(metric: string, matchers = ''): string {
  return `${metric}{component="operator", namespace="$operator"${matchers === '' ? '' : `, ${matchers}`}}`;
}

/** Increase a second, over a window that always holds at least four scrapes. */
export function rate(series: string, window = '$__rate_interval'): string {
  return `rate(${series}[${window}])`;
}

/** Quantile of a classic histogram. `by` names labels beside `le`. */
export function quantile(q: number, buckets: string, by: readonly string[] = [], window?: string): string {
  return `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (${rate(buckets, window)}))`;
}

/** Streams of the environment in Loki; its index calls the environment `instance`. */
export function streams(component: string): string {
  return `{namespace="$namespace", instance="$environment", component=~"${component}"} | level=~"$level"`;
}
