/** A condition's answer before it gets its time. */
export interface Verdict {
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
}

export function yes(reason: string, message: string): Verdict {
  return { status: 'True', reason, message };
}

export function no(reason: string, message: string): Verdict {
  return { status: 'False', reason, message };
}

export function waiting(message: string): Verdict {
  return no('Waiting', message);
}

/** `A`, `A and B`, `A, B and 2 more`: lists in messages stay readable. */
export function some(names: readonly string[]): string {
  const [first = 'nothing', second, ...others] = names;
  if (second === undefined) return first;
  return others.length === 0 ? `${first} and ${second}` : `${first}, ${second} and ${others.length} more`;
}
