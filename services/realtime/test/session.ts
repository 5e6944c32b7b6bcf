/** One plain WebSocket session as a client sees it: every frame is kept, and the text is what the frames make of it. */
import { WebSocket } from 'ws';

export interface SessionOptions {
  readonly client?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Where the token goes; by default into the header. */
  readonly tokenIn?: 'header' | 'query' | 'protocol';
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Frame extends Readonly<Record<string, unknown>> {
  readonly type: string;
}

export interface Session {
  readonly ws: WebSocket;
  readonly frames: readonly Frame[];
  /** The text and version that this client has by now; edits of its own count from their ack. */
  text: string;
  version: number;
  opened(): Promise<void>;
  send(frame: unknown): void;
  /** The next frame, not yet taken, for which `match` holds; frames before it are passed over. */
  next(match: string | ((frame: Frame) => boolean), deadlineMs?: number): Promise<Frame>;
  /** Edits at the version that the client has, until it is acknowledged; answers the ack. */
  edit(
    edit: { type: 'insert'; pos: number; text: string } | { type: 'delete'; pos: number; len: number },
    id?: string,
  ): Promise<Frame>;
  /** An edit of one's own was acknowledged. */
  apply(edit: { type: 'insert'; pos: number; text: string } | { type: 'delete'; pos: number; len: number }): void;
  /** Sends undo or redo and waits for the ack or the error. */
  undo(type?: 'undo' | 'redo', id?: string): Promise<Frame>;
  closed(): Promise<{ code: number; reason: string }>;
  close(): Promise<void>;
  terminate(): void;
}

export function openSession(url: string, token: string, options: SessionOptions = {}): Session {
  const { tokenIn = 'header', protocols = [], headers = {} } = options;
  const target = new URL(url);
  if (tokenIn === 'query') target.searchParams.set('token', token);
  const offered = tokenIn === 'protocol' ? [...protocols, `bearer.${token}`] : [...protocols];
  const ws = new WebSocket(target, offered, {
    headers: { ...headers, ...(tokenIn === 'header' ? { authorization: `Bearer ${token}` } : {}) },
  });
  const frames: Frame[] = [];
  let taken = 0;
  let wake = Promise.withResolvers<undefined>();
  const gone = Promise.withResolvers<{ code: number; reason: string }>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  ws.on('unexpected-response', (_request, response) =>
    failed.reject(Object.assign(new Error(`refused: ${response.statusCode ?? 0}`), { response })),
  );
  ws.on('error', (error) => failed.reject(error));
  ws.on('close', (code, reason) => {
    gone.resolve({ code, reason: reason.toString() });
    failed.reject(new Error(`closed with ${code}`));
    wake.resolve(undefined);
  });
  ws.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as Frame;
    frames.push(frame);
    follow(session, frame);
    wake.resolve(undefined);
    wake = Promise.withResolvers();
  });

  const session: Session = {
    ws,
    frames,
    text: '',
    version: 0,
    opened: async () => {
      await Promise.race([
        session.next((frame) => ['initial_state', 'resumed', 'out_of_sync'].includes(frame.type)),
        failed.promise,
      ]);
    },
    send: (frame) => ws.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame)),
    async next(match, deadlineMs = 15_000) {
      const matches = typeof match === 'string' ? ({ type }: Frame) => type === match : match;
      const deadline = Date.now() + deadlineMs;
      for (;;) {
        for (; taken < frames.length; taken++) {
          const frame = frames[taken];
          if (frame && matches(frame)) {
            taken++;
            return frame;
          }
        }
        const left = deadline - Date.now();
        if (left <= 0 || ws.readyState === ws.CLOSED) {
          throw new Error(
            `no such frame (${String(match)}) in ${frames
              .slice(-5)
              .map((frame) => JSON.stringify(frame).slice(0, 300))
              .join(' ')}`,
          );
        }
        await Promise.race([wake.promise, new Promise((resolve) => setTimeout(resolve, left))]);
      }
    },
    async edit(edit, id) {
      session.send({ ...edit, version: session.version, ...(id === undefined ? {} : { id }) });
      const answer = await session.next(({ type }) => type === 'ack' || type === 'error' || type === 'out_of_sync');
      if (answer.type === 'ack' && answer['duplicate'] !== true) session.apply(edit);
      return answer;
    },
    apply: (edit) => void (session.text = edited(session.text, edit)),
    async undo(type = 'undo', id) {
      session.send({ type, ...(id === undefined ? {} : { id }) });
      return session.next((frame) => frame.type === 'ack' || frame.type === 'error');
    },
    closed: () => gone.promise,
    async close() {
      ws.close();
      await gone.promise;
    },
    terminate: () => ws.terminate(),
  };
  return session;
}

/** What a frame does to the client's text and version. */
function follow(session: Session, frame: Frame): void {
  switch (frame.type) {
    case 'initial_state':
    case 'out_of_sync':
      if (typeof frame['content'] === 'string') session.text = frame['content'];
      session.version = Number(frame['version']);
      return;
    case 'ack':
      if (frame['duplicate'] !== true) session.version = Math.max(session.version, Number(frame['version']));
      return;
    case 'operation': {
      const op = frame['op'] as Parameters<typeof edited>[1] & { version: number };
      session.text = edited(session.text, op);
      session.version = op.version;
    }
  }
}

export function edited(
  text: string,
  op: { type: 'insert'; pos: number; text: string } | { type: 'delete'; pos: number; len: number },
): string {
  return op.type === 'insert'
    ? text.slice(0, op.pos) + op.text + text.slice(op.pos)
    : text.slice(0, op.pos) + text.slice(op.pos + op.len);
}
