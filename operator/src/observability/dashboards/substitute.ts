export type Source = 'prometheus' | 'loki';

/** What is chosen for each variable: one value, several, or `$__all`. */
export type Values = Readonly<Record<string, string | readonly string[]>>;

/** Durations that Grafana works out from the range that is shown and the width of a panel, such as `1m`. */
export interface Times {
  readonly interval: string;
  /** At least four times the interval of scrapes. */
  readonly rateInterval: string;
  readonly range: string;
}

/** A dashboard's variable, as far as its substitution goes. */
export interface Variable {
  readonly name: string;
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
}

export interface Names {
  readonly variables: readonly Variable[];
  readonly values: Values;
  readonly times: Times;
}

/** Puts values in the place of `$name` and `${name}`, as Grafana's data sources do: where several may be chosen, as a regular expression. */
export function substitute(text: string, source: Source, names: Names): string {
  return text.replaceAll(/\$(?:(\w+)|\{(\w+)\})/g, (whole, bare?: string, braced?: string) => {
    const name = bare ?? braced ?? '';
    const time = builtIn(name, names.times);
    if (time !== undefined) return time;
    const variable = names.variables.find((candidate) => candidate.name === name);
    const value = names.values[name];
    if (variable === undefined || value === undefined) throw new Error(`There is no value for ${whole}`);
    return format(variable, value, source);
  });
}

function builtIn(name: string, { interval, rateInterval, range }: Times): string | undefined {
  switch (name) {
    case '__interval':
    case '__auto':
      return interval;
    case '__rate_interval':
      return rateInterval;
    case '__range':
      return range;
    default:
      return undefined;
  }
}

function format(variable: Variable, value: string | readonly string[], source: Source): string {
  const { name, multi = false, includeAll = false, allValue } = variable;
  const values = typeof value === 'string' ? [value] : value;
  if (values.includes('$__all')) {
    if (!includeAll || allValue === undefined) throw new Error(`Variable ${name} has no value for all`);
    return allValue;
  }
  if (!multi && !includeAll) {
    const [only, ...others] = values;
    if (only === undefined || others.length > 0) throw new Error(`Variable ${name} takes exactly one value`);
    return only.replaceAll("'", "\\\\'");
  }
  const escaped = values.map(escapeInRegex);
  if (source === 'loki' || escaped.length === 1) return escaped.join('|');
  return `(${escaped.join('|')})`;
}

/** For a regular expression inside a quoted string: every backslash is there twice. */
function escapeInRegex(value: string): string {
  return value.replaceAll('\\', '\\\\\\\\').replaceAll(/[$^*{}[\]'+?.()|]/g, '\\\\$&');
}
