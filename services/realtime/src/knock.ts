import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL } from '@collabeditor/contracts';
import { bearer, Problem } from '@collabeditor/kit';
import type { Dialect } from './engine/frames.ts';

/** What a client asks for when it knocks. */
export interface Knock {
  /** Empty where the path names nothing that could be a document. */
  readonly documentId: string;
  readonly token: string | null;
  readonly dialect: Dialect;
  readonly clientId: string;
  readonly resume: { readonly since: number; readonly rev: string } | null;
}

const PATH = /^\/ws\/doc\/([^/]+)$/;
const ID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const CLIENT_ID = /^[A-Za-z0-9_-]{1,64}$/;
const VERSION = /^\d{1,15}$/;

/** Reads an upgrade request; a problem for a wrong address or a malformed query. */
export function parseKnock(request: IncomingMessage): Knock | Problem {
  const url = addressOf(request);
  const name = PATH.exec(url?.pathname ?? '')?.[1];
  if (!url || !name) return new Problem('not_found', 'There is nothing at this address');
  const query = url.searchParams;
  const [clientId, since] = [query.get('client'), query.get('since')];
  if (isMalformed(clientId, CLIENT_ID)) return new Problem('bad_request', 'client must be 1 to 64 of A-Z a-z 0-9 _ -');
  if (isMalformed(since, VERSION)) return new Problem('bad_request', 'since must be a version');
  const offered = offeredProtocols(request);
  const dialect = answerOf(offered) === SUBPROTOCOL.v1 ? 'v1' : 'plain';
  return {
    documentId: ID.test(name) ? name.toLowerCase() : '',
    token: tokenOf(request, offered, query),
    dialect,
    clientId: clientId ?? randomUUID(),
    resume: dialect === 'v1' && since !== null ? { since: Number(since), rev: query.get('rev') ?? '' } : null,
  };
}

function addressOf({ url = '' }: IncomingMessage): URL | null {
  return URL.canParse(url, 'ws://host') ? new URL(url, 'ws://host') : null;
}

function isMalformed(value: string | null, pattern: RegExp): boolean {
  return value !== null && !pattern.test(value);
}

/** Of several tokens: header, subprotocol, query. */
function tokenOf({ headers }: IncomingMessage, offered: ReadonlySet<string>, query: URLSearchParams): string | null {
  const inProtocol = [...offered].find((protocol) => protocol.startsWith(BEARER_SUBPROTOCOL_PREFIX));
  return bearer(headers) ?? inProtocol?.slice(BEARER_SUBPROTOCOL_PREFIX.length) ?? query.get('token');
}

/** The dialect that the answer names: the first one that we know. Never the token. */
export function answerOf(offered: ReadonlySet<string>): string | null {
  return [...offered].find((protocol) => protocol === SUBPROTOCOL.plain || protocol === SUBPROTOCOL.v1) ?? null;
}

function offeredProtocols({ headers }: IncomingMessage): ReadonlySet<string> {
  return new Set((headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim()));
}
