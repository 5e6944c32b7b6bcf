import { isIP } from 'node:net';

/** Where a server listens. */
export interface Address {
  host: string;
  port: number;
}

/** `:9090`, `127.0.0.1:9090`, `[::1]:9090`; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:]*)):(?<port>\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const host = match.groups?.['six'] ?? match.groups?.['host'] ?? '';
  const port = Number(match.groups?.['port']);
  const known = host === '' || host === 'localhost' || isIP(host) !== 0;
  return known && port <= 65_535 ? { host: host === '' ? '::' : host, port } : undefined;
}
