import { X509Certificate } from 'node:crypto';

/** Certificates are asked for at every scrape and change every few months. */
const known = new Map<string, Date | null>();
const KNOWN_LIMIT = 1000;

/** When the first certificate of a PEM text ends; null where there is none. */
export function certificateEnd(pem: string): Date | null {
  const before = known.get(pem);
  if (before !== undefined) return before;
  const end = read(pem);
  if (known.size >= KNOWN_LIMIT) known.clear();
  known.set(pem, end);
  return end;
}

function read(pem: string): Date | null {
  try {
    return new X509Certificate(pem).validToDate;
  } catch {
    return null;
  }
}
