/** A real SMTP server that keeps what it accepts, refuses what it is told to refuse, and can fall silent. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly source: string;
  readonly encrypted: boolean;
}

export interface MailServer extends AsyncDisposable {
  readonly port: number;
  readonly messages: ReceivedMail[];
  refusals: number;
  /** Refuses at this stage with this code. */
  answer: { readonly stage: 'mail' | 'rcpt' | 'data'; readonly code: number } | undefined;
  silent: boolean;
  /** Runs when a mail has arrived and is about to be accepted. */
  beforeAccepting: (() => Promise<void>) | undefined;
}

/** With `startTls` it offers TLS with a certificate that nobody vouches for. */
export async function startMailServer(options: { startTls: boolean } = { startTls: false }): Promise<MailServer> {
  const state: Omit<MailServer, 'port' | typeof Symbol.asyncDispose> = {
    messages: [],
    refusals: 0,
    answer: undefined,
    silent: false,
    beforeAccepting: undefined,
  };
  const judge = (stage: 'mail' | 'rcpt' | 'data', done: (error?: Error | null) => void): void => {
    if (state.silent) return;
    if (state.answer?.stage !== stage) {
      done();
      return;
    }
    state.refusals++;
    done(Object.assign(new Error('refused by the test'), { responseCode: state.answer.code }));
  };
  const server = new SMTPServer({
    authOptional: true,
    ...(options.startTls ? {} : { disabledCommands: ['STARTTLS', 'AUTH'] }),
    onAuth: ({ username }, _session, done) => done(null, { user: username }),
    disableReverseLookup: true,
    onMailFrom: (_address, _session, done) => judge('mail', done),
    onRcptTo: (_address, _session, done) => judge('rcpt', done),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.once('end', () => {
        judge('data', (error) => {
          if (error) {
            done(error);
            return;
          }
          const { mailFrom, rcptTo } = session.envelope;
          state.messages.push({
            from: mailFrom === false ? '' : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            source: Buffer.concat(chunks).toString('utf8'),
            encrypted: session.secure,
          });
          void (state.beforeAccepting?.() ?? Promise.resolve()).then(() => done());
        });
      });
    },
  });
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  return Object.assign(state, {
    port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  });
}
