import { Agent, request, type Dispatcher } from 'undici';

const TIMEOUT_MS = 5_000;

/** RabbitMQ's management API refused or could not be reached. `status` 0: no answer. */
export class ManagementError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'ManagementError';
    this.status = status;
  }
}

/** RabbitMQ's management API: JSON over HTTP with the administrator's name and password. */
export class Management implements AsyncDisposable {
  readonly #base: string;
  readonly #authorization: string;
  readonly #agent: Agent;

  constructor(uri: string, ca?: string) {
    const url = new URL(uri);
    const account = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    this.#authorization = `Basic ${Buffer.from(account).toString('base64')}`;
    url.username = '';
    url.password = '';
    this.#base = url.href.replace(/\/$/, '');
    this.#agent = new Agent({ connect: { timeout: TIMEOUT_MS, ...(ca !== undefined && { ca }) } });
  }

  /** A JSON answer, or undefined where there is no such thing. */
  async get(...path: string[]): Promise<unknown> {
    const response = await this.#send('GET', path);
    if (response.statusCode === 404) {
      await response.body.dump();
      return undefined;
    }
    await refuseOther(response, path);
    return response.body.json();
  }

  async put(path: string[], body: unknown): Promise<void> {
    await this.#write('PUT', path, body);
  }

  async post(path: string[], body: unknown): Promise<void> {
    await this.#write('POST', path, body);
  }

  /** Deletes; gone already is fine. */
  async remove(...path: string[]): Promise<void> {
    const response = await this.#send('DELETE', path);
    if (response.statusCode !== 404) await refuseOther(response, path);
    await response.body.dump();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.close();
  }

  async #write(method: Dispatcher.HttpMethod, path: string[], body?: unknown): Promise<void> {
    const response = await this.#send(method, path, body);
    await refuseOther(response, path);
    await response.body.dump();
  }

  async #send(method: Dispatcher.HttpMethod, path: string[], body?: unknown): Promise<Dispatcher.ResponseData> {
    try {
      return await request(`${this.#base}/api/${path.map(encodeURIComponent).join('/')}`, {
        method,
        dispatcher: this.#agent,
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: TIMEOUT_MS,
        headers: { authorization: this.#authorization, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      });
    } catch (error) {
      const code =
        error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
      throw new ManagementError(0, code);
    }
  }
}

async function refuseOther(response: Dispatcher.ResponseData, path: string[]): Promise<void> {
  if (response.statusCode < 300) return;
  const text = await response.body.text();
  throw new ManagementError(response.statusCode, `${path[0] ?? ''}: ${text.slice(0, 200)}`);
}
