import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { route } from '@collabeditor/contracts';
import Type from 'typebox';
import { createPeerClient, shaped } from './peer.ts';
import { withTrace } from './trace.ts';

const Answer = Type.Object({ n: Type.Integer() });
const lookup = route({
  id: 'lookup',
  method: 'post',
  path: '/internal/{id}/x',
  access: 'peer',
  summary: '',
  params: Type.Object({ id: Type.String() }),
  query: Type.Object({ q: Type.Optional(Type.String()) }),
  body: Type.Object({ a: Type.Integer() }),
  answers: { 200: { description: '', schema: Answer }, 404: { description: '' }, 401: { description: '' } },
});

const cleanups: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function peer(answer: (response: ServerResponse) => void) {
  const seen: { url: string; headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push({ url: request.url ?? '', headers: request.headers, body });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createPeerClient({ baseUrl, serviceToken: 'my-service-token', name: 'other' });
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  cleanups.push(() => client[Symbol.asyncDispose](), close);
  return { client, seen, close };
}

describe('a call to a peer', () => {
  const input = { params: { id: 'a/b' }, query: { q: 'ü&' }, body: { a: 1 }, caller: { token: 'user-token' } };

  it('[KI35] carries credential, token and trace', async () => {
    const { client, seen } = await peer((response) => response.end('{"n":1}'));
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const answer = await withTrace({ traceparent }, () => client.call(lookup, input));
    expect(shaped(Answer, answer.body).n).toBe(1);
    expect(seen[0]).toMatchObject({
      url: '/internal/a%2Fb/x?q=%C3%BC%26',
      body: '{"a":1}',
      headers: { 'x-service-token': 'my-service-token', authorization: 'Bearer user-token', traceparent },
    });
  });

  it('[KI35] answers what the route promises', async () => {
    const { client } = await peer((response) => response.writeHead(404).end('{"code":"not_found"}'));
    expect(await client.call(lookup, input)).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });

  it('[KI35] passes a refused user on', async () => {
    const { client } = await peer((response) => response.writeHead(401).end('{}'));
    await expect(client.call(lookup, input)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it.each([
    ['fails', (response: ServerResponse) => response.writeHead(500).end('{}')],
    ['answers another shape', (response: ServerResponse) => response.end('{"n":"x"}')],
    ['answers no JSON', (response: ServerResponse) => response.end('<html>')],
    ['answers a status of no promise', (response: ServerResponse) => response.writeHead(302).end()],
    ['hangs up', (response: ServerResponse) => response.destroy()],
  ])('[KI35] is unavailable where the peer %s', async (_, answer) => {
    const { client } = await peer(answer);
    await expect(client.call(lookup, input)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('[KI35] is unavailable where nobody listens', async () => {
    const { client, close } = await peer((response) => response.end());
    await close();
    await expect(client.call(lookup, input)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
