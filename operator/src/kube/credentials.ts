import { KubeConfig } from '@kubernetes/client-node';
import type { RequestOptions } from 'node:https';

/** How to reach and convince an API server. */
export interface Connection {
  server: string;
  tls: {
    ca?: Buffer | undefined;
    cert?: Buffer | undefined;
    key?: Buffer | undefined;
    servername?: string | undefined;
    rejectUnauthorized?: boolean | undefined;
  };
  headers: Record<string, string>;
}

/** Reads a kubeconfig: a file, else what `KUBECONFIG`, `~/.kube/config` or the pod's service account say. */
export function readKubeconfig(file?: string): KubeConfig {
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  return config;
}

const FRESH_MS = 60_000;

/**
 * Reads the connection out of a kubeconfig and reads it again after a minute, so that a rotated token file, an
 * exec plugin's new token or a renewed client certificate is picked up.
 */
export class Credentials {
  readonly server: string;
  readonly #config: KubeConfig;
  readonly #now: () => number;
  #current: { connection: Promise<Connection>; readAt: number } | undefined;

  constructor(config: KubeConfig, now: () => number = () => performance.now()) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error('the kubeconfig names no current cluster');
    this.server = cluster.server.replace(/\/$/, '');
    this.#config = config;
    this.#now = now;
  }

  /** The connection, at most a minute old. */
  current(): Promise<Connection> {
    const now = this.#now();
    if (this.#current === undefined || now - this.#current.readAt > FRESH_MS) {
      this.#current = { connection: this.#read(), readAt: now };
      this.#current.connection.catch(() => {
        this.#current = undefined;
      });
    }
    return this.#current.connection;
  }

  /** Forgets what was read: the server said 401. */
  invalidate(): void {
    this.#current = undefined;
  }

  async #read(): Promise<Connection> {
    const options: RequestOptions = { headers: {} };
    await this.#config.applyToHTTPSOptions(options);
    return {
      server: this.server,
      tls: {
        ca: buffer(options.ca),
        cert: buffer(options.cert),
        key: buffer(options.key),
        servername: options.servername,
        rejectUnauthorized: options.rejectUnauthorized,
      },
      headers: headersOf(options),
    };
  }
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === 'string') headers[name.toLowerCase()] = value.trim();
  }
  if (typeof options.auth === 'string')
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  return headers;
}

function buffer(value: unknown): Buffer | undefined {
  if (Buffer.isBuffer(value)) return value;
  return typeof value === 'string' ? Buffer.from(value) : undefined;
}
