import type { RequestHandler } from 'express';

const preflight = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, traceparent',
  'Access-Control-Max-Age': '600',
};

/** Lets pages of these origins read the answers. Without any, only pages of the own origin can, which needs no header. */
export function cors(allowedOrigins: readonly string[]): RequestHandler {
  const allowed = new Set(allowedOrigins.map((origin) => origin.toLowerCase()));
  return (request, response, next) => {
    const { origin } = request.headers;
    if (allowed.size > 0) response.vary('Origin');
    if (origin === undefined || !isAllowedOrigin(allowed, origin)) {
      next();
      return;
    }
    response.set({
      'Access-Control-Allow-Origin': allowed.has('*') ? '*' : origin,
      'Access-Control-Expose-Headers': 'ETag, Location, Retry-After',
    });
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      next();
      return;
    }
    response.status(204).set(preflight).end();
  };
}

function isAllowedOrigin(allowed: ReadonlySet<string>, origin: string): boolean {
  return allowed.has('*') || allowed.has(origin.toLowerCase());
}
