import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bounce, readBounce } from './read-bounce.js';

const folder = new URL('../../fixtures/bounces/', import.meta.url);
const names = readdirSync(folder).map((name) => name.replace(/\.eml$/, ''));
const fixture = (name: string): Uint8Array => readFileSync(new URL(`${name}.eml`, folder));

/** What every bounce of the fixtures says unless its name says otherwise. */
const unknown = {
  channel: 'CbUrOA3Zq8xN0yF2mW7tKpJvR1E',
  messageId: '<m8QkzX3d@app.example>',
  address: 'alice@example.org',
  action: 'failed',
  status: '5.1.1',
  gone: true,
} as const;

const expected: Readonly<Record<string, Partial<Bounce>>> = {
  'postfix-delayed': { action: 'delayed', status: '4.4.1', gone: false },
  'exim-no-status-at-all': { status: '5.0.0', gone: false },
  'office-365': { status: '5.1.10' },
  'mailbox-full': { status: '5.2.2', gone: false },
  'sender-refused': { status: '5.1.8', gone: false },
  'unclear-address-status': { status: '5.1.0', gone: false },
  'address-that-is-none': { address: undefined },
  'delivered-elsewhere': { action: 'relayed', status: '2.0.0', gone: false },
  'without-message-id': { messageId: undefined },
};

describe('a bounce', () => {
  it.each(names.filter((name) => !name.startsWith('not-') && name !== 'several-recipients'))(
    '%s is read',
    async (name) => {
      const bounces = await readBounce(fixture(name));
      expect(bounces).toHaveLength(1);
      expect(bounces?.[0]).toMatchObject({ ...unknown, ...expected[name] });
    },
  );

  it.each(names.filter((name) => name.startsWith('not-')))('%s is none', async (name) => {
    expect(await readBounce(fixture(name))).toBeUndefined();
  });

  it('has the words of the server, unfolded', async () => {
    const wordsOf = async (name: string) => (await readBounce(fixture(name)))?.[0]?.diagnostic;
    expect(await wordsOf('postfix')).toMatch(/^smtp; 550 5\.1\.1 <alice@example\.org>: Recipient +address rejected/);
    expect(await wordsOf('exchange-words-in-supplementary-info')).toContain('The email account does not exist');
    expect(await wordsOf('exim-no-status-at-all')).toBeUndefined();
  });

  it('has one result for each recipient, a hundred at most', async () => {
    const bounces = await readBounce(fixture('several-recipients'));
    expect(bounces).toMatchObject([
      unknown,
      { ...unknown, address: 'bob@example.org', status: '4.4.7', action: 'failed', gone: false },
    ]);
    const text = Buffer.from(fixture('postfix')).toString();
    const group = '\r\nFinal-Recipient: rfc822; bob@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n';
    const many = text.replace('\r\nFinal-Recipient', `${group.repeat(1000)}\r\nFinal-Recipient`);
    expect(await readBounce(Buffer.from(many))).toHaveLength(100);
  });

  it.each([
    ['5.1.1', 'smtp; 550 5.7.1 No', '5.1.1'],
    ['5.0.0', 'smtp; 550 5.1.1 <a@b.example>', '5.1.1'],
    ['5.0.0', 'smtp;550-5.1.1 No', '5.1.1'],
    ['5.0.0', 'smtp; 450 4.2.0 Later', '5.0.0'],
    ['5.0.0', 'smtp; 550 see 192.5.1.1 for help', '5.0.0'],
    ['5.0.0', 'smtp; 550 version 5.1.1.7', '5.0.0'],
    ['', 'x-local; #5.1.1 no such user', '5.1.1'],
    ['', 'smtp; 550 No', undefined],
    ['5.1', 'smtp; 550 No', undefined],
    ['3.1.1', 'smtp; 550 No', undefined],
  ])('with the status %j and %j has the status %j', async (status, diagnostic, result) => {
    const text = Buffer.from(fixture('mailbox-full'))
      .toString()
      .replace(/^Status: .*$/m, `Status: ${status}`)
      .replace(/^Diagnostic-Code: .*$/m, `Diagnostic-Code: ${diagnostic}`);
    const [bounce] = (await readBounce(Buffer.from(text))) ?? [];
    expect(bounce?.status).toBe(result);
    expect(bounce?.gone).toBe(result === '5.1.1');
  });

  it('is bounded in what it gives back, and in what is read', async () => {
    const text = Buffer.from(fixture('postfix')).toString();
    const long = text
      .replace(/^Diagnostic-Code: .*$/m, `Diagnostic-Code: ${'x'.repeat(20_000)}`)
      .replace(/^Message-ID: .*$/m, `Message-ID: <${'x'.repeat(20_000)}>`);
    const [bounce] = (await readBounce(Buffer.from(long))) ?? [];
    expect(bounce?.diagnostic).toHaveLength(500);
    expect(bounce?.messageId?.length).toBeLessThanOrEqual(250);
    const huge = text.replace('I am sorry', 'x'.repeat(300_000));
    expect(await readBounce(Buffer.from(huge))).toBeUndefined();
    const hugeMail = text.replace(/(?=\r\n--b1--)/, `\r\n${'x'.repeat(10_000_000)}`);
    expect(await readBounce(Buffer.from(hugeMail))).toMatchObject([unknown]);
  });

  it('never makes reading fail, whatever it is made of', async () => {
    const whole = names.map((name) => Buffer.from(fixture(name)));
    const cut = fc
      .tuple(fc.constantFrom(...whole), fc.nat(4000), fc.nat(200))
      .map(([mail, from, length]) => Buffer.concat([mail.subarray(0, from), mail.subarray(from + length)]));
    const spliced = fc
      .tuple(cut, fc.constantFrom(...whole), fc.nat(4000))
      .map(([one, other, at]) => Buffer.concat([one.subarray(0, at), other.subarray(at)]));
    await fc.assert(
      fc.asyncProperty(fc.oneof(cut, spliced, fc.uint8Array()), async (bytes) => {
        for (const bounce of (await readBounce(bytes)) ?? []) {
          expect(bounce.channel).toMatch(/^[A-Za-z0-9_-]{27}$/);
          expect(['failed', 'delayed', 'delivered', 'relayed', 'expanded']).toContain(bounce.action);
          if (bounce.gone) expect(bounce.status).toMatch(/^5\.1\./);
        }
      }),
      { numRuns: 200 },
    );
  });
});
