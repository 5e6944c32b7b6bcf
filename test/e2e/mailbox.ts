import { SMTPServer } from 'smtp-server';
import { until } from './wait.ts';

export interface Mail {
  readonly to: string;
  readonly messageId: string;
  readonly text: string;
}

/** A real SMTP server that keeps what it accepts. */
export class Mailbox implements AsyncDisposable {
  readonly mails: Mail[] = [];
  readonly #server: SMTPServer;

  private constructor(server: (mailbox: Mailbox) => SMTPServer) {
    this.#server = server(this);
  }

  static async listen(host: string, port: number): Promise<Mailbox> {
    const mailbox = new Mailbox(
      (self) =>
        new SMTPServer({
          authOptional: true,
          disabledCommands: ['STARTTLS', 'AUTH'],
          onData(stream, session, callback) {
            const chunks: Buffer[] = [];
            stream.on('data', (chunk: Buffer) => chunks.push(chunk));
            stream.on('end', () => {
              const raw = Buffer.concat(chunks).toString('utf8');
              for (const { address } of session.envelope.rcptTo)
                self.mails.push({ to: address, messageId: header(raw, 'message-id'), text: decode(raw) });
              callback();
            });
          },
        }),
    );
    await new Promise<void>((resolve, reject) => {
      mailbox.#server.once('error', reject);
      mailbox.#server.listen(port, host, () => resolve());
    });
    return mailbox;
  }

  /** The token of the newest mail to this address with a link to that page. */
  async token(to: string, page: 'verify' | 'invitation' | 'reset'): Promise<string> {
    return until(`a mail to ${to} with a link to /${page}`, async () => {
      for (const mail of [...this.mails].reverse()) {
        const link = new RegExp(`/${page}\\?token=([\\w.~-]+)`).exec(mail.text)?.[1];
        if (mail.to === to && link !== undefined) return link;
      }
      return undefined;
    });
  }

  /** Every message once: no Message-ID came twice to one address. */
  repeated(): string[] {
    const seen = new Set<string>();
    return this.mails
      .filter(({ to, messageId }) => {
        const key = `${to} ${messageId}`;
        const again = seen.has(key);
        seen.add(key);
        return again;
      })
      .map(({ to, messageId }) => `${messageId} to ${to}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function header(raw: string, name: string): string {
  return new RegExp(`^${name}:\\s*(.+)$`, 'im').exec(raw)?.[1]?.trim() ?? '';
}

/** Enough of quoted-printable to find a link in it. */
function decode(raw: string): string {
  return raw
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
