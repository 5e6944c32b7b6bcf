import type { TSchema } from 'typebox';

/** How a caller proves who it is: nobody, a user's access token, or another service's own credential (port 8081). */
export type Access = 'public' | 'user' | 'peer';

/** What one status code of a route carries. */
export interface Answer {
  readonly description: string;
  readonly schema?: TSchema;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * One REST operation. The services mount it and the OpenAPI document is generated from it, so the two can't differ.
 * `path` is in OpenAPI notation (`/documents/{id}`).
 */
export interface Route<
  Params extends TSchema = TSchema,
  Query extends TSchema = TSchema,
  Body extends TSchema = TSchema,
  Who extends Access = Access,
> {
  readonly id: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly path: string;
  readonly access: Who;
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** Largest accepted body in bytes; 1 MiB unless said otherwise. */
  readonly bodyLimit?: number;
  readonly answers: Readonly<Record<number, Answer>>;
}

/** Keeps the literal types of a route, so that handlers get them inferred. */
export function route<Params extends TSchema, Query extends TSchema, Body extends TSchema, Who extends Access>(
  definition: Route<Params, Query, Body, Who>,
): Route<Params, Query, Body, Who> {
  return definition;
}
