/** user- and realtime-service, played at the wire: the same routes with the state in memory, and a switch to be away. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { emailKey, realtimePeerRoutes, type UserCard, userPeerRoutes } from '@collabeditor/contracts';
import {
  acceptPeers,
  createHttpApp,
  createLogger,
  handle,
  Problem,
  reply,
  type Mounted,
  type Reply,
  type Verifier,
} from '@collabeditor/kit';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Registry } from 'prom-client';

export const issuer = 'https://test/team';
export const serviceToken = 'document-service-token';

export interface Peer extends AsyncDisposable {
  readonly url: string;
  /** While true, connections are cut without an answer. */
  away: boolean;
}

export interface UserPeer extends Peer {
  readonly users: Map<string, UserCard>;
  /** Ids that were looked up. */
  readonly lookups: string[];
  token(user: Pick<UserCard, 'id' | 'email' | 'name'>): Promise<string>;
}

export interface TextPeer extends Peer {
  /** Per document the text of each version, and who wrote it. */
  readonly texts: Map<string, { content: string; userId: string; at: Date }[]>;
  /** Method and path of each call. */
  readonly calls: string[];
  /** Versions below this are compacted. */
  floor: number;
  /** Documents that can't be removed. */
  readonly stubborn: Set<string>;
}

export async function playUserService(): Promise<UserPeer> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const { x = '' } = await exportJWK(publicKey);
  const users = new Map<string, UserCard>();
  const lookups: string[] = [];
  const routes = [
    handle(userPeerRoutes.userByEmail, async ({ query }) => {
      const found = [...users.values()].find((user) => emailKey(user.email) === emailKey(query.email));
      if (!found) throw new Problem('not_found');
      return reply(200, found);
    }),
    handle(userPeerRoutes.usersLookup, async ({ body }) => {
      lookups.push(...body.ids);
      return reply(200, { users: body.ids.flatMap((id) => users.get(id) ?? []) });
    }),
    handle(userPeerRoutes.jwks, async () =>
      reply(200, { keys: [{ kty: 'OKP', crv: 'Ed25519', x, kid: 'one', alg: 'EdDSA', use: 'sig' }] }),
    ),
  ];
  return Object.assign(await play(routes), {
    users,
    lookups,
    token: (user: Pick<UserCard, 'id' | 'email' | 'name'>) =>
      new SignJWT({ name: user.name, email: user.email })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'one' })
        .setSubject(user.id)
        .setIssuer(issuer)
        .setAudience('collab')
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey),
  });
}

export async function playRealtimeService(verifier: Verifier): Promise<TextPeer> {
  const memory: TextMemory = { texts: new Map(), stubborn: new Set(), floor: 0 };
  const calls: string[] = [];
  const peer = await play(textRoutes(memory), verifier, calls);
  const { texts, stubborn } = memory;
  return Object.defineProperty(Object.assign(peer, { texts, calls, stubborn, floor: 0 }), 'floor', {
    set: (value: number) => (memory.floor = value),
    get: () => memory.floor,
  });
}

type TextMemory = Pick<TextPeer, 'texts' | 'stubborn' | 'floor'>;

function textRoutes(memory: TextMemory): readonly Mounted[] {
  const { texts, stubborn } = memory;
  const log = (id: string) => texts.get(id) ?? [];
  const write = (id: string, content: string, caller: { userId: string } | null): Reply => {
    if (!caller) throw new Problem('unauthenticated');
    const edits = [...log(id), { content, userId: caller.userId, at: new Date() }];
    texts.set(id, edits);
    return reply(200, { version: edits.length });
  };
  const at = (id: string, version: number): string => {
    if (version < memory.floor) throw new Problem('version_compacted');
    if (version > log(id).length) throw new Problem('not_found');
    return log(id)[version - 1]?.content ?? '';
  };
  const head = (id: string) => ({ id, version: log(id).length, updatedAt: log(id).at(-1)?.at.toISOString() ?? null });
  return [
    handle(realtimePeerRoutes.putFirst, async ({ params, body, caller }) =>
      log(params.id).length > 0
        ? reply(200, { version: 1 })
        : { ...write(params.id, body.content, caller), status: 201 },
    ),
    handle(realtimePeerRoutes.getContent, async ({ params, query }) => {
      const version = query.version ?? log(params.id).length;
      return reply(200, { content: at(params.id, version), version });
    }),
    handle(realtimePeerRoutes.putContent, async ({ params, body, caller }) => {
      if (body.version !== log(params.id).length) throw new Problem('precondition_failed');
      return write(params.id, body.content, caller);
    }),
    handle(realtimePeerRoutes.history, async ({ params }) => {
      const items = log(params.id).map(({ userId, at: time }, index) => ({
        version: index + 1,
        userId,
        at: time.toISOString(),
      }));
      return reply(200, { items: items.reverse(), nextCursor: null });
    }),
    handle(realtimePeerRoutes.restore, async ({ params, body, caller }) =>
      write(params.id, at(params.id, body.version), caller),
    ),
    handle(realtimePeerRoutes.versions, async ({ body }) => reply(200, { versions: body.ids.map(head) })),
    handle(realtimePeerRoutes.remove, async ({ params }) => {
      if (stubborn.has(params.id)) throw new Problem('unavailable');
      texts.delete(params.id);
      return reply(204);
    }),
  ];
}

async function play(routes: readonly Mounted[], verifier?: Verifier, calls: string[] = []): Promise<Peer> {
  const app: RequestListener = createHttpApp({
    routes,
    ...(verifier ? { verifier } : {}),
    peers: acceptPeers({ document: serviceToken }),
    metrics: new Registry(),
    log: createLogger({ service: 'peer', pod: 'test', level: 'silent' }),
  });
  const peer = { away: false };
  const server = createServer((request, response) => {
    calls.push(`${request.method ?? ''} ${request.url ?? ''}`);
    if (peer.away) request.socket.destroy();
    else app(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(peer, {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
