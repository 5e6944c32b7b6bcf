import { strict as assert } from 'node:assert';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** A REST client as anyone outside the cluster would write it: the front door's URL and a token, nothing else. */
export interface Rest {
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  as(token: string): Rest;
}

export function restClient(baseUrl: string, token?: string): Rest {
  return {
    async call(method, path, body, headers = {}) {
      const response = await fetch(new URL(path, baseUrl), {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(15_000),
      });
      const text = await response.text();
      const json = (response.headers.get('content-type') ?? '').includes('json');
      return {
        status: response.status,
        body: json && text !== '' ? JSON.parse(text) : text,
        headers: response.headers,
      };
    },
    as: (other) => restClient(baseUrl, other),
  };
}

export interface Account {
  readonly email: string;
  readonly userId: string;
  readonly token: string;
  readonly verified: boolean;
  readonly rest: Rest;
}

export async function register(
  anonymous: Rest,
  email: string,
  name: string,
  extra: Readonly<Record<string, string>> = {},
): Promise<Account> {
  const answer = await anonymous.call('POST', '/auth/register', {
    email,
    name,
    password: `correct horse ${name}`,
    ...extra,
  });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return account(anonymous, email, answer.body);
}

export async function login(anonymous: Rest, email: string, name: string): Promise<Account> {
  const answer = await anonymous.call('POST', '/auth/login', { email, password: `correct horse ${name}` });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return account(anonymous, email, answer.body);
}

function account(anonymous: Rest, email: string, body: unknown): Account {
  const { user, accessToken } = body as { user: { id: string; verified: boolean }; accessToken: string };
  return { email, userId: user.id, token: accessToken, verified: user.verified, rest: anonymous.as(accessToken) };
}

export async function createDocument(owner: Account, title: string, content?: string): Promise<string> {
  const answer = await owner.rest.call('POST', '/documents', content === undefined ? { title } : { title, content });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return field(answer.body, 'id');
}

export async function readContent(reader: Account, documentId: string): Promise<{ content: string; version: number }> {
  const answer = await reader.rest.call('GET', `/documents/${documentId}/content`);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body as { content: string; version: number };
}

function field(body: unknown, name: string): string {
  assert.ok(typeof body === 'object' && body !== null && name in body, `no ${name} in ${JSON.stringify(body)}`);
  return String((body as Record<string, unknown>)[name]);
}
