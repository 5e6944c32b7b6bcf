import { currentTraceparent, type SpanOptions, withSpan } from '@collabeditor/kit';
import { createTransport } from 'nodemailer';
import type { Mail } from './mail.ts';

/** Where mails go. Either URI or host, never both. */
export interface SmtpSettings {
  readonly server:
    | { readonly uri: string }
    | {
        readonly host: string;
        readonly port: number;
        readonly username: string | undefined;
        readonly password: string | undefined;
      };
  readonly from: string;
  /** Longest wait for one answer of the server; a whole mail gets three times as long. */
  readonly timeoutMs: number;
}

function sending(server: SmtpSettings['server']): SpanOptions {
  const { host, port } = 'uri' in server ? addressOf(server.uri) : server;
  return {
    name: 'smtp send',
    kind: 'client',
    attributes: { 'network.protocol.name': 'smtp', 'server.address': host, 'server.port': port },
  };
}

function addressOf(uri: string): { readonly host: string; readonly port: number } {
  const { hostname, port, protocol } = new URL(uri);
  return { host: hostname, port: Number(port) || (protocol === 'smtps:' ? 465 : 587) };
}

/** How handing a mail over ended. `refused` means that the same mail can't ever be accepted. */
type Handover = { readonly kind: 'accepted' } | Failure;
type Failure = { readonly kind: 'refused' | 'failed'; readonly reason: string };

export interface Mailer {
  send(mail: Mail, messageId: string): Promise<Handover>;
  close(): void;
}

export function createMailer({ server, from, timeoutMs }: SmtpSettings): Mailer {
  const transport = createTransport({
    ...('uri' in server
      ? { url: server.uri }
      : {
          host: server.host,
          port: server.port,
          secure: server.port === 465,
          ...(server.username === undefined ? {} : { auth: { user: server.username, pass: server.password ?? '' } }),
        }),
    ...(mustVerify(server) ? {} : { tls: { rejectUnauthorized: false } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    // Mails are made of events, which must not be able to name files or addresses to read from.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    send: (mail, messageId) =>
      withSpan(
        () => sending(server),
        async (span) => {
          const signal = AbortSignal.timeout(3 * timeoutMs);
          // Whoever has the mail before him can tell which request it came of.
          const traceparent = currentTraceparent();
          const headers = {
            'Auto-Submitted': 'auto-generated',
            ...(traceparent === undefined ? {} : { Traceparent: traceparent }),
          };
          try {
            await transport.sendMail({ from, ...mail, messageId, signal, headers });
            return { kind: 'accepted' };
          } catch (error) {
            const handover = failure(error);
            span.fail(handover.reason);
            return handover;
          }
        },
      ),
    close: () => transport.close(),
  };
}

/**
 * Where TLS is only taken when it is offered, whoever could forge a certificate could as well withhold the offer: then a
 * certificate that nobody vouches for is still better than plain text. It is not where a password is sent or TLS is asked for.
 */
function mustVerify(server: SmtpSettings['server']): boolean {
  if (!('uri' in server)) return server.port === 465 || server.username !== undefined;
  const { protocol, port, username, searchParams } = new URL(server.uri);
  return protocol === 'smtps:' || port === '465' || username !== '' || searchParams.get('requireTLS') === 'true';
}

/** The commands whose 5xx answer speaks of this recipient or this message; others speak of the connection, the login or the sender. */
const aboutThisMail: ReadonlySet<string> = new Set(['RCPT TO', 'DATA', 'BDAT']);

function failure(error: unknown): Failure {
  if (!(error instanceof Error)) return { kind: 'failed', reason: 'the mail server gave an unknown error' };
  const { code, command, permanent, responseCode } = error as Error & SmtpError;
  const refused = permanent === true && command !== undefined && aboutThisMail.has(command);
  // The server's own words may hold the address; its numbers don't.
  const reason = [code, command, responseCode].filter((part) => part !== undefined).join(' ');
  return { kind: refused ? 'refused' : 'failed', reason: reason === '' ? error.name : reason };
}

interface SmtpError {
  readonly code?: string;
  readonly command?: string;
  readonly permanent?: boolean;
  readonly responseCode?: number;
}
