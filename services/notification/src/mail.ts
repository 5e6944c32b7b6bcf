import type { CloudEvent } from '@collabeditor/contracts';

/** An event that asks for a mail. */
export type MailEvent = CloudEvent<'user.invited'> | CloudEvent<'mail.requested'>;

/** A mail before it is encoded. Every field is free of control characters. */
export interface Mail {
  readonly to: { readonly name: string; readonly address: string };
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** What a mail says, in the order of reading; text and HTML are made of the same. */
interface Letter {
  readonly to: { readonly name: string; readonly email: string };
  readonly subject: string;
  readonly paragraphs: readonly string[];
  readonly action?: { readonly label: string; readonly link: string };
  readonly closing: string;
}

/** The mail that an event asks for; null when its recipient is no address that mail can go to. */
export function renderMail(event: MailEvent, publicUrl: string): Mail | null {
  const letter = event.type === 'user.invited' ? invitation(event.data, publicUrl) : requested(event.data, publicUrl);
  if (!isMailAddress(letter.to.email)) return null;
  return {
    to: { name: shorten(plain(letter.to.name), 80), address: letter.to.email },
    subject: plain(letter.subject),
    text: asText(letter),
    html: asHtml(letter),
  };
}

/** The same mail with its token left out: for the log. */
export function withoutToken(event: MailEvent): MailEvent {
  const mask = (token: string | null): string | null => (token === null ? null : '***');
  return event.type === 'user.invited'
    ? { ...event, data: { ...event.data, invitationToken: mask(event.data.invitationToken) } }
    : { ...event, data: { ...event.data, token: mask(event.data.token) } };
}

/** One address and nothing else: no list, no display name, no route, no quoting. */
export function isMailAddress(address: string): boolean {
  return address.length <= 254 && /^[^\s@<>()[\]:;,\\"\p{C}]{1,64}@[^\s@<>()[\]:;,\\"\p{C}]{1,190}$/u.test(address);
}

function invitation(data: CloudEvent<'user.invited'>['data'], publicUrl: string): Letter {
  const { invitedBy, documentTitle, role, invitationToken } = data;
  const inviter = invitedBy.name.trim() === '' ? invitedBy.email : invitedBy.name;
  const may = role === 'editor' ? 'read and edit' : 'read';
  return {
    to: { name: '', email: data.email },
    subject: `${shorten(plain(inviter), 60)} shared “${shorten(plain(documentTitle), 80)}” with you`,
    paragraphs: [
      `${plain(inviter)} (${plain(invitedBy.email)}) invites you to ${may} the document “${plain(documentTitle)}”.`,
      ...(invitationToken === null
        ? []
        : ['The link proves that this address is yours. It works until somebody withdraws it or it expires.']),
    ],
    action:
      invitationToken === null
        ? { label: 'Open the document', link: link(publicUrl, '', { document: data.documentId }) }
        : { label: 'Accept the invitation', link: link(publicUrl, 'invitation', { token: invitationToken }) },
    closing: 'If you do not know the sender, ignore this mail.',
  };
}

function requested(data: CloudEvent<'mail.requested'>['data'], publicUrl: string): Letter {
  const { kind, to } = data;
  const token = data.token ?? '';
  switch (kind) {
    case 'verify_address':
      return {
        to,
        subject: 'Verify your email address',
        paragraphs: [greeting(to.name), 'Please confirm that this address is yours.'],
        action: { label: 'Verify the address', link: link(publicUrl, 'verify', { token }) },
        closing: 'If you did not register, ignore this mail.',
      };
    case 'reset_password':
      return {
        to,
        subject: 'Reset your password',
        paragraphs: [greeting(to.name), 'Somebody, probably you, asked to reset the password of your account.'],
        action: { label: 'Choose a new password', link: link(publicUrl, 'reset', { token }) },
        closing: 'If it was not you, ignore this mail: your password stays as it is.',
      };
    case 'password_changed':
      return {
        to,
        subject: 'Your password was changed',
        paragraphs: [greeting(to.name), 'The password of your account was changed, and all sessions were ended.'],
        closing: 'If it was not you, reset your password now.',
      };
  }
}

function greeting(name: string): string {
  const shown = plain(name);
  return shown === '' ? 'Hello,' : `Hello ${shown},`;
}

function link(publicUrl: string, page: string, query: Record<string, string>): string {
  return `${publicUrl.replace(/\/+$/, '')}/${page}?${new URLSearchParams(query).toString()}`;
}

/** One line: controls, separators and invisible marks (but the joiners that scripts and emoji need) become spaces, lone surrogates U+FFFD. */
function plain(text: string): string {
  return text
    .toWellFormed()
    .replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** At most `limit` characters as a reader counts them. */
function shorten(text: string, limit: number): string {
  const characters = [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)].map(
    ({ segment }) => segment,
  );
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join('')}…`;
}

function asText({ paragraphs, action, closing }: Letter): string {
  return [...paragraphs, ...(action ? [`${action.label}:\n${action.link}`] : []), closing, ''].join('\n\n');
}

function asHtml({ subject, paragraphs, action, closing }: Letter): string {
  const paragraph = (content: string): string => `<p style="margin:0 0 16px">${content}</p>`;
  const body = [
    ...paragraphs.map((text) => paragraph(escapeHtml(text))),
    ...(action
      ? [
          paragraph(
            `<a href="${escapeHtml(action.link)}" style="display:inline-block;padding:10px 18px;border-radius:6px;background:#1f5fbf;color:#ffffff;text-decoration:none">${escapeHtml(action.label)}</a>`,
          ),
          paragraph(
            `<span style="color:#5b6472;font-size:13px;word-break:break-all">${escapeHtml(action.link)}</span>`,
          ),
        ]
      : []),
    `<p style="margin:0;color:#5b6472;font-size:13px">${escapeHtml(closing)}</p>`,
  ];
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(subject)}</title></head>`,
    '<body style="margin:0;padding:24px;background:#ffffff;color:#1b2330;font:16px/1.5 system-ui,sans-serif">',
    '<main style="max-width:34em;margin:0 auto">',
    ...body,
    '</main></body></html>',
    '',
  ].join('\n');
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
