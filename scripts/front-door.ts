/** One address for all services on loopback, by the rules of the Ingress: longest prefix first, WebSocket upgrades included. */
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';

export interface Backend {
  readonly prefix: string;
  readonly port: number;
}

export function frontDoor(backends: readonly Backend[]): Server {
  const ordered = [...backends].sort((a, b) => b.prefix.length - a.prefix.length);
  const portOf = (url: string): number => ordered.find(({ prefix }) => matches(url, prefix))?.port ?? 0;
  const forward = (incoming: IncomingMessage) =>
    request({
      host: '127.0.0.1',
      port: portOf(incoming.url ?? '/'),
      method: incoming.method ?? 'GET',
      path: incoming.url ?? '/',
      headers: { ...incoming.headers, 'x-forwarded-for': incoming.socket.remoteAddress ?? '' },
    });

  const server = createServer((incoming, outgoing) => {
    const upstream = forward(incoming);
    upstream.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    upstream.on('error', () => {
      if (!outgoing.headersSent) outgoing.writeHead(502, { 'content-type': 'text/plain' });
      outgoing.end('the service behind this path does not answer; its log says why\n');
    });
    incoming.pipe(upstream);
  });

  server.on('upgrade', (incoming, client: Duplex, head) => {
    const upstream = forward(incoming);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    // Refused before the upgrade: the answer goes back as it is.
    upstream.on('response', (answer) => {
      client.write(headOf(`${answer.statusCode ?? 502} ${answer.statusMessage ?? ''}`, answer.rawHeaders));
      answer.pipe(client);
    });
    upstream.on('upgrade', (answer, socket, rest) => {
      client.write(headOf('101 Switching Protocols', answer.rawHeaders));
      if (rest.length > 0) client.write(rest);
      if (head.length > 0) socket.write(head);
      socket.on('error', () => client.destroy());
      client.on('close', () => socket.destroy());
      socket.on('close', () => client.destroy());
      socket.pipe(client).pipe(socket);
    });
    upstream.end();
  });
  return server;
}

/** As an Ingress with `pathType: Prefix` does: by whole path elements. */
function matches(url: string, prefix: string): boolean {
  const path = url.split('?', 1)[0] ?? '';
  return prefix === '/' || path === prefix || path.startsWith(`${prefix}/`);
}

function headOf(status: string, rawHeaders: readonly string[]): string {
  const lines = [`HTTP/1.1 ${status}`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    lines.push(`${rawHeaders[index] ?? ''}: ${rawHeaders[index + 1] ?? ''}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
