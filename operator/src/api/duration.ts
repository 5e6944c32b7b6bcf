const unitSeconds: Record<string, number> = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** Seconds of a Go-style duration (`1h30m`); NaN for anything else. */
export function durationSeconds(text: string): number {
  if (!/^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$/.test(text)) return Number.NaN;
  let seconds = 0;
  for (const [, amount, unit = ''] of text.matchAll(/([0-9.]+)(ns|us|ms|s|m|h)/g)) {
    seconds += Number(amount) * (unitSeconds[unit] ?? Number.NaN);
  }
  return seconds;
}
