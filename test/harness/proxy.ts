import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './programs.ts';

/** A TCP proxy on loopback in front of a store, to take the store away and bring it back. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Listens; connections go to the target. */
  up(): Promise<void>;
  /** Cuts all connections and refuses new ones. */
  down(): Promise<void>;
  /** Keeps all connections and takes new ones, but passes nothing on until `up`: a store that hangs. */
  stall(): void;
}

/** Starts down. */
async function createProxy(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  let stalled = false;
  const down = async (): Promise<void> => {
    const closing = server;
    stalled = false;
    server = undefined;
    for (const socket of sockets) socket.destroy();
    if (closing) await new Promise((resolve) => closing.close(resolve));
  };
  return {
    port,
    down,
    stall() {
      stalled = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    async up() {
      if (stalled) await down();
      const started = createServer((near) => {
        const far = connect(target.port, target.host);
        for (const [one, other] of [[near, far] as const, [far, near] as const]) {
          track(one);
          one.on('error', () => other.destroy());
          if (stalled) one.pause();
          else one.pipe(other);
        }
      });
      server = started;
      await new Promise<void>((resolve, reject) => {
        started.once('error', reject);
        started.listen(port, '127.0.0.1', resolve);
      });
    },
    [Symbol.asyncDispose]: down,
  };
}

/** The same URL by way of a proxy. */
export async function proxied(url: string): Promise<{ readonly url: string; readonly proxy: Proxy }> {
  const direct = new URL(url);
  const proxy = await createProxy({ host: direct.hostname, port: Number(direct.port) });
  direct.hostname = '127.0.0.1';
  direct.port = String(proxy.port);
  return { url: direct.href, proxy };
}
