import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addresses,
  armoredMessages,
  autocryptValues,
  channels,
  dates,
  messageIds,
  notifyErrorOf,
} from '../../test/tools/notify-arbitraries.js';
import { composeMail, type OuterMail } from './compose-mail.js';
import { readMail } from './read-mail.js';

const armored = '-----BEGIN PGP MESSAGE-----\n\nwV4D\n=QMnZ\n-----END PGP MESSAGE-----\n';
const mail: OuterMail = {
  from: 'push@app.example',
  to: 'alice@example.org',
  date: new Date(Date.UTC(2026, 0, 2, 8, 30)),
  messageId: '<1@app.example>',
  channel: 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmE',
  ttlSeconds: 3600,
  autocrypt: `addr=push@app.example; prefer-encrypt=mutual; keydata=${'xjME'.repeat(40)}`,
  armored,
};

const mails: fc.Arbitrary<OuterMail> = fc.record(
  {
    from: addresses,
    to: addresses,
    date: dates,
    messageId: messageIds,
    channel: channels,
    ttlSeconds: fc.nat(),
    autocrypt: autocryptValues,
    armored: armoredMessages,
  },
  { requiredKeys: ['from', 'to', 'date', 'messageId', 'channel', 'ttlSeconds', 'armored'] },
);

describe('composeMail', () => {
  it('writes exactly these lines', () => {
    expect(Buffer.from(composeMail(mail)).toString().split('\r\n')).toEqual([
      'From: push@app.example',
      'To: alice@example.org',
      'Date: Fri, 02 Jan 2026 08:30:00 +0000',
      'Message-ID: <1@app.example>',
      'MIME-Version: 1.0',
      'Subject: [...]',
      'Auto-Submitted: auto-generated',
      'X-Auto-Response-Suppress: All',
      'Expires: Sat, 03 Jan 2026 00:00:00 +0000',
      'Email-Notify: v=1; c=Zm9vYmFyYmF6cXV4Zm9vYmFyYmE',
      'Autocrypt: addr=push@app.example; prefer-encrypt=mutual;',
      ` keydata=${'xjME'.repeat(17)}x`,
      ` jME${'xjME'.repeat(18)}xj`,
      ` ME${'xjME'.repeat(3)}`,
      'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";',
      ' boundary=push',
      '',
      '--push',
      'Content-Type: application/pgp-encrypted',
      '',
      'Version: 1',
      '',
      '--push',
      'Content-Type: application/octet-stream',
      '',
      '-----BEGIN PGP MESSAGE-----',
      '',
      'wV4D',
      '=QMnZ',
      '-----END PGP MESSAGE-----',
      '--push--',
      '',
    ]);
  });

  it('leaves out the Autocrypt header when there is none', () => {
    const { autocrypt: _, ...rest } = mail;
    expect(Buffer.from(composeMail(rest)).toString()).not.toContain('Autocrypt');
  });

  it('writes the same bytes again, in ASCII lines of CRLF and at most 998 characters', () => {
    fc.assert(
      fc.property(mails, (any) => {
        const text = Buffer.from(composeMail(any)).toString('latin1');
        expect(Buffer.from(composeMail(any)).toString('latin1')).toBe(text);
        expect(text).toMatch(/^(?:[\x20-\x7e]{0,998}\r\n)+$/);
      }),
    );
  });

  it('writes what is read again', async () => {
    await fc.assert(
      fc.asyncProperty(mails, async (any) => {
        const bytes = composeMail(any);
        const read = await readMail(bytes);
        expect(read.armored).toBe(any.armored);
        expect(read.autocrypt.map((value) => value.replace(/ /g, ''))).toEqual(
          any.autocrypt === undefined ? [] : [any.autocrypt.replace(/ /g, '')],
        );
        expect(read.from).toEqual([any.from]);
        expect(read.report).toBe(false);
        expect(Buffer.from(bytes).toString()).toContain(`\r\nEmail-Notify: v=1; c=${any.channel}\r\n`);
      }),
      { numRuns: 50 },
    );
  });

  it('takes armor with CRLF', () => {
    expect(composeMail({ ...mail, armored: armored.replaceAll('\n', '\r\n') })).toEqual(composeMail(mail));
  });

  it.each([
    [{ from: 'push@app.example\r\nBcc: bob@example.org' }, 'ERR_ADDRESS_INVALID'],
    [{ to: 'alice@example.org, bob@example.org' }, 'ERR_ADDRESS_INVALID'],
    [{ date: new Date(Number.NaN) }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ date: new Date(-1) }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ messageId: '1@app.example' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ messageId: '<a b@app.example>' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ messageId: '<1@app.example>\r\nBcc: bob@example.org' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ messageId: `<${'a'.repeat(250)}@app.example>` }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ channel: 'x\r\nBcc: bob@example.org' }, 'ERR_NOTIFY_CHANNEL_INVALID'],
    [{ ttlSeconds: -1 }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ ttlSeconds: Number.NaN }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ autocrypt: '' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ autocrypt: 'addr=a@b; keydata=AAAA\r\nBcc: bob@example.org' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ autocrypt: 'addr=a@b;\r\nBcc: bob@example.org; keydata=AAAA' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ autocrypt: 'keydata=AAAA; addr=a@b' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ autocrypt: 'addr=a@b; keydata=' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ autocrypt: `addr=${'a'.repeat(1000)}@b; keydata=AAAA` }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ autocrypt: `addr=a@b; keydata=${'A'.repeat(10_240)}` }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ armored: '' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ armored: armored + armored }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ armored: armored.replace('MESSAGE', 'SIGNATURE') }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ armored: armored.replace('\n\n', '\nComment: x\n\n') }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ armored: armored.replace('wV4D', '--push--') }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ armored: armored.replace('wV4D', 'wV4D\n') }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ armored: armored.replace('wV4D', 'A'.repeat(77)) }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ armored: armored.replace('wV4D\n', '') }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ armored: armored.replace('wV4D', 'wV4D\n'.repeat(14_000).trim()) }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
  ])('refuses %.100j', (change, code) => {
    expect(notifyErrorOf(() => composeMail({ ...mail, ...change }))?.code).toBe(code);
  });

  it('lets no field add a line to the header', () => {
    const fields = ['from', 'to', 'messageId', 'channel', 'autocrypt', 'armored'] as const;
    const breaks = fc.constantFrom('\r', '\n', '\r\n', '\0', '\u2028', '\x85');
    fc.assert(
      fc.property(fc.constantFrom(...fields), breaks, fc.nat(200), (field, lineBreak, at) => {
        const value = mail[field] ?? '';
        const broken = `${value.slice(0, at)}${lineBreak}X-Injected: yes${lineBreak}${value.slice(at)}`;
        expect(notifyErrorOf(() => composeMail({ ...mail, [field]: broken }))).toBeDefined();
      }),
    );
  });
});
