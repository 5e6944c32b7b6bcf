/** A time as Kubernetes writes it: RFC 3339 without fractions. */
export function rfc3339(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
