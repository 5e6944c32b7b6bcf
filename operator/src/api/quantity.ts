const suffixes: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Value of a Kubernetes quantity (`10Gi`, `100m`, `1e3`); NaN for anything else. */
export function quantityValue(text: string | number): number {
  const match = /^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([KMGTPE]i|[numkMGTPE]?)|[eE]([+-]?[0-9]+))$/.exec(
    String(text),
  );
  if (match === null) return Number.NaN;
  const [, number, suffix = '', exponent = '0'] = match;
  return Number(number) * (suffixes[suffix] ?? Number.NaN) * 10 ** Number(exponent);
}
