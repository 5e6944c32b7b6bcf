import type { TSchema } from 'typebox';
import { ProblemDocument } from './errors.ts';
import { documentRoutes, DocumentView, Invitation, Permission } from './http/document.ts';
import { Content, HistoryEntry } from './http/realtime.ts';
import { JsonWebKeySet, Session, Tokens, User, userRoutes } from './http/user.ts';
import { MAX_BODY_BYTES } from './limits.ts';
import type { Answer, Route } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 document of every public route, generated from the routes that the services mount. */
export function openApi(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  const tagged: readonly (readonly [string, readonly Route[]])[] = [
    ['accounts', Object.values(userRoutes)],
    ['documents', Object.values(documentRoutes)],
  ];
  for (const [tag, routes] of tagged) {
    for (const route of routes) (paths[route.path] ??= {})[route.method] = operation(route, tag);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'CollabEditor',
      version,
      description:
        'Accounts, documents and sharing. Editing goes over WebSocket: asyncapi.json. Errors are `application/problem+json` with a stable `code`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The address of the environment' }],
    paths: byReference(paths),
    components: {
      schemas: named,
      securitySchemes: { accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}

/** Schemas that are written once, under their name. */
const named = {
  Problem: ProblemDocument,
  Document: DocumentView,
  Permission,
  Invitation,
  Content,
  HistoryEntry,
  JsonWebKeySet,
  Session,
  Tokens,
  User,
};
const names = new Map(Object.entries(named).map(([name, schema]) => [JSON.stringify(schema), name]));

function byReference(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(byReference);
  if (typeof value !== 'object' || value === null) return value;
  const name = names.get(JSON.stringify(value));
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, byReference(inner)]));
}

function operation(route: Route, tag: string): Json {
  return {
    operationId: route.id,
    tags: [tag],
    summary: route.summary,
    ...(route.access === 'user' ? { security: [{ accessToken: [] }] } : { security: [] }),
    parameters: [...parameters('path', route.params), ...parameters('query', route.query)],
    ...(route.body ? { requestBody: requestBody(route.body, route.bodyLimit ?? MAX_BODY_BYTES) } : {}),
    responses: Object.fromEntries(
      Object.entries(route.answers).map(([status, answer]) => [status, response(Number(status), answer)]),
    ),
  };
}

function parameters(place: 'path' | 'query', schema: TSchema | undefined): Json[] {
  if (!schema || !('properties' in schema)) return [];
  const { properties } = schema as { properties: Record<string, TSchema> };
  const required = 'required' in schema && Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }));
}

function requestBody(schema: TSchema, limit: number): Json {
  return { required: true, description: `At most ${limit} bytes.`, content: { 'application/json': { schema } } };
}

function response(status: number, { description, schema, headers }: Answer): Json {
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  return {
    description,
    ...(headers
      ? {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, text]) => [name, { description: text, schema: { type: 'string' } }]),
          ),
        }
      : {}),
    ...(schema ? { content: { [type]: { schema } } } : {}),
  };
}
