import type { IncomingHttpHeaders } from 'node:http';
import type { Access, FieldError, Route } from '@collabeditor/contracts';
import type { Static, TProperties, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import type { Caller } from './auth.ts';
import { Problem } from './problem.ts';

/** A request whose every part was checked against the route's schemas. */
export interface RouteRequest<Params extends TSchema, Query extends TSchema, Body extends TSchema, Who extends Access> {
  readonly params: Static<Params>;
  readonly query: Static<Query>;
  readonly body: Static<Body>;
  /** The user: always there on `user` routes; on `peer` routes where the peer sent a user's token along. */
  readonly caller: Who extends 'user' ? Caller : Who extends 'peer' ? Caller | null : null;
  readonly headers: IncomingHttpHeaders;
  /** Address of the client as the router in front of us saw it. */
  readonly ip: string;
  /** Path and query. */
  readonly url: string;
}

export interface Reply {
  readonly status: number;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

export function reply(status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return body === undefined ? { status, headers } : { status, body, headers };
}

/** What arrives, before it is checked. */
interface RawRequest {
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly caller: Caller | null;
  readonly headers: IncomingHttpHeaders;
  readonly ip: string;
  readonly url: string;
}

/** A route with its handler. */
export interface Mounted {
  readonly route: Route;
  /** 404 for a path that can't name anything; asked before the body is read. */
  checkPath(params: unknown): void;
  answer(request: RawRequest): Promise<Reply>;
}

/** Joins a route with the function that answers it; the function sees only what passed the schemas. */
export function handle<Params extends TSchema, Query extends TSchema, Body extends TSchema, Who extends Access>(
  route: Route<Params, Query, Body, Who>,
  handler: (request: RouteRequest<Params, Query, Body, Who>) => Promise<Reply>,
): Mounted {
  const params = route.params && Compile(route.params);
  const query = route.query && Compile(route.query);
  const body = route.body && Compile(route.body);
  const numeric = route.query ? convertible(route.query) : new Map<string, Conversion>();
  return {
    route,
    checkPath: (raw) => {
      if (params && !params.Check(raw)) throw new Problem('not_found');
    },
    answer: (raw) => {
      const errors: FieldError[] = [];
      const input = {
        ...raw,
        params: raw.params,
        query: query ? checked(query, convert(raw.query, numeric), errors) : {},
        body: body ? checked(body, raw.body, errors) : undefined,
      };
      if (errors.length > 0) throw new Problem('invalid_request', errors.map(describe).join('; '), { errors });
      return handler(input as unknown as RouteRequest<Params, Query, Body, Who>);
    },
  };
}

function checked(validator: Pick<Validator, 'Check' | 'Errors'>, value: unknown, errors: FieldError[]): unknown {
  if (!validator.Check(value)) errors.push(...fieldErrors(validator, value));
  return value;
}

function describe({ path, message }: FieldError): string {
  return path === '' ? message : `${path} ${message}`;
}

/** One entry per wrong field, in the words of the schema; a value never appears in it. */
function fieldErrors(validator: Pick<Validator, 'Errors'>, value: unknown): readonly FieldError[] {
  return validator.Errors(value).flatMap((error): FieldError[] => {
    if (error.keyword === 'required') {
      return error.params.requiredProperties.map((name) => ({
        path: `${error.instancePath}/${name}`,
        message: 'is required',
      }));
    }
    if (error.keyword === 'enum') {
      return [
        { path: error.instancePath, message: `must be one of ${error.params.allowedValues.map(String).join(', ')}` },
      ];
    }
    const message = error.keyword === 'pattern' ? 'has a form or characters that are not allowed' : error.message;
    return [{ path: error.instancePath, message }];
  });
}

type Conversion = 'integer' | 'boolean';

/** Query parameters arrive as text; those that the schema wants as numbers or booleans are read as such. */
function convertible(schema: TSchema): ReadonlyMap<string, Conversion> {
  const properties = 'properties' in schema ? (schema.properties as TProperties) : {};
  return new Map(
    Object.entries(properties).flatMap(([name, property]): [string, Conversion][] => {
      const type = 'type' in property ? property.type : undefined;
      return type === 'integer' || type === 'boolean' ? [[name, type]] : [];
    }),
  );
}

function convert(
  query: Readonly<Record<string, unknown>>,
  conversions: ReadonlyMap<string, Conversion>,
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...query };
  for (const [name, conversion] of conversions) {
    const raw = query[name];
    if (conversion === 'integer' && typeof raw === 'string' && /^-?\d{1,17}$/.test(raw)) result[name] = Number(raw);
    if (conversion === 'boolean' && (raw === 'true' || raw === 'false')) result[name] = raw === 'true';
  }
  return result;
}
