import { describe, expect, it } from '@jest/globals';
import { makeEvent } from '@collabeditor/contracts';
import fc from 'fast-check';
import { createTransport } from 'nodemailer';
import { isMailAddress, type Mail, type MailEvent, renderMail, withoutToken } from './mail.ts';

const publicUrl = 'https://team.example/';
const envelope = {
  id: '018f0000-0000-7000-8000-000000000001',
  time: new Date(0),
  source: '/collabeditor/test',
  subject: '018f0000-0000-7000-8000-000000000002',
};

interface Invited {
  title?: string;
  name?: string;
  by?: string;
  email?: string;
  token?: string | null;
}

function invited({
  title = 'Plan',
  name = 'Ada',
  by = 'ada@example.com',
  email = 'ben@example.com',
  token = 'tok-1',
}: Invited): MailEvent {
  return makeEvent({
    ...envelope,
    type: 'user.invited',
    data: {
      documentId: envelope.subject,
      documentTitle: title,
      invitedBy: { id: envelope.id, email: by, name },
      email,
      userId: null,
      role: 'editor',
      invitationId: null,
      invitationToken: token,
    },
  });
}

function requested(
  kind: 'verify_address' | 'reset_password' | 'password_changed',
  name = 'Ben',
  token: string | null = 'tok-2',
): MailEvent {
  return makeEvent({
    ...envelope,
    type: 'mail.requested',
    data: { kind, to: { email: 'ben@example.com', name }, token },
  });
}

const all = [
  invited({}),
  invited({ token: null }),
  requested('verify_address'),
  requested('reset_password'),
  requested('password_changed', 'Ben', null),
];

function rendered(event: MailEvent): Mail {
  const mail = renderMail(event, publicUrl);
  if (mail === null) throw new Error('no mail');
  return mail;
}

/** The mail as it goes over the wire, split into headers (unfolded) and body. */
async function encoded(mail: Mail): Promise<{ headers: string[]; body: string; to: readonly string[] }> {
  const transport = createTransport({ streamTransport: true, buffer: true });
  const { message, envelope: sent } = await transport.sendMail({
    from: 'Us <us@example.com>',
    ...mail,
    messageId: '<1@example.com>',
  });
  const [head = '', ...rest] = (Buffer.isBuffer(message) ? message.toString('utf8') : '').split(/\r?\n\r?\n/);
  return { headers: head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/), body: rest.join('\n\n'), to: sent.to };
}

describe('mails', () => {
  it('[NO12] are multipart, text before HTML', async () => {
    for (const event of all) {
      const { headers, body } = await encoded(rendered(event));
      expect(headers.find((header) => header.startsWith('Content-Type:'))).toContain('multipart/alternative');
      const [text, html] = [body.indexOf('Content-Type: text/plain'), body.indexOf('Content-Type: text/html')];
      expect(text).toBeGreaterThan(-1);
      expect(html).toBeGreaterThan(text);
    }
  });

  it('[NO12, NO13] have their link on a line of its own in the text, and in the HTML', () => {
    const links = [
      [invited({}), 'https://team.example/invitation?token=tok-1'],
      [invited({ token: null }), `https://team.example/?document=${envelope.subject}`],
      [requested('verify_address'), 'https://team.example/verify?token=tok-2'],
      [requested('reset_password'), 'https://team.example/reset?token=tok-2'],
    ] as const;
    for (const [event, link] of links) {
      const mail = rendered(event);
      expect(mail.text.split('\n')).toContain(link);
      expect(mail.html).toContain(`href="${link}"`);
    }
  });

  it('[NO13] escape a token in the link', () => {
    expect(rendered(invited({ token: 'a&b="<' })).text).toContain('?token=a%26b%3D%22%3C');
  });

  it('[NO14] no title, name or address adds a header, a recipient or HTML', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc
        .array(
          fc.constantFrom(
            '\r\n',
            '\n',
            '\r',
            '\u2028',
            'Bcc: eve@evil.example',
            '<script>',
            '"',
            "'",
            '>',
            '&',
            ',',
            ';',
            '\u202e',
            '\0',
            '=?utf-8?q?',
            '?=',
            '😀',
            '\ud800',
            'a@b.example',
            ' ',
          ),
          { maxLength: 20 },
        )
        .map((parts) => parts.join('')),
    );
    const plainHeaders = (await encoded(rendered(invited({})))).headers.map((header) => header.split(':')[0]);
    const markup = (html: string): string[] => html.match(/<[^>]*>/g) ?? [];
    const tags = markup(rendered(invited({ title: '', name: '', by: '' })).html).map((tag) =>
      tag.replace(/href=".*?"/, ''),
    );

    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, async (title, name, by) => {
        const mail = rendered(invited({ title, name, by }));
        const { headers, to } = await encoded(mail);
        expect(headers.map((header) => header.split(':')[0])).toEqual(plainHeaders);
        expect(to).toEqual(['ben@example.com']);
        expect(mail.subject).not.toMatch(/[\r\n\0\u2028\u2029\u202e]/);
        expect(markup(mail.html).map((tag) => tag.replace(/href=".*?"/, ''))).toEqual(tags);
      }),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (name) => {
        const mail = rendered(requested('verify_address', name));
        const { headers, to } = await encoded(mail);
        expect(headers.filter((header) => /^(to|cc|bcc):/i.test(header))).toHaveLength(1);
        expect(to).toEqual(['ben@example.com']);
        expect(mail.html).not.toContain('<script');
      }),
    );
  });

  it('[NO6] there is none for a recipient that is no single address', () => {
    for (const email of [
      '',
      'ben',
      'a@b, c@d',
      'a@b\r\nBcc: c@d',
      '<a@b>',
      'Ben <a@b>',
      'a b@c',
      '"a"@b',
      `${'x'.repeat(70)}@b`,
      'a@b;c@d',
      'a@b\0',
    ]) {
      expect(isMailAddress(email)).toBe(false);
      expect(renderMail(invited({ email }), publicUrl)).toBeNull();
    }
    for (const email of ['a@b', 'jürgen+x@exämple.de', "o'brien@example.com"]) expect(isMailAddress(email)).toBe(true);
  });

  it('[NO15] shorten long titles and names between characters', () => {
    const family = '👩‍👩‍👧‍👦';
    const { subject } = rendered(invited({ title: family.repeat(100), name: 'é'.repeat(200) }));
    expect(subject.isWellFormed()).toBe(true);
    expect([...new Intl.Segmenter().segment(subject)].length).toBeLessThan(170);
  });

  it('[NO10] lose their token for the log and nothing else', () => {
    for (const event of all) {
      const text = renderMail(withoutToken(event), publicUrl)?.text ?? '';
      expect(text).not.toMatch(/tok-[12]/);
      expect(text.split('\n').length).toBe(rendered(event).text.split('\n').length);
    }
  });
});
