import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveSecret, parseSecrets } from './secrets.js';
import { GatewaySetupError } from './setup-error.js';

const secret = (): string => randomBytes(32).toString('base64');
const [first, second] = [secret(), secret()];

/** What is said of a text that holds no secrets; nothing of a secret may be in it. */
function problemOf(text: string): string {
  try {
    parseSecrets(text);
  } catch (error) {
    expect(error).toBeInstanceOf(GatewaySetupError);
    const { code, disposition, message } = error as GatewaySetupError;
    expect([code, disposition]).toEqual(['ERR_CONFIG_SECRET', 'action-required']);
    for (const line of text.split('\n').filter((each) => each.trim().length > 8))
      expect(message).not.toContain(line.trim());
    return message;
  }
  return 'none';
}

describe('secret_file', () => {
  it('holds secrets in base64, one a line, in their order', () => {
    const expected = [first, second].map((text) => new Uint8Array(Buffer.from(text, 'base64')));
    expect(parseSecrets(`${first}\n${second}\n`)).toEqual(expected);
    expect(parseSecrets(`${first}\n${second}`)).toEqual(expected);
    expect(parseSecrets(`${first}\r\n${second}\r\n`)).toEqual(expected);
    expect(parseSecrets(`\uFEFF# since November\n\n  ${first}  \n\t\n  # before\n${second}\n`)).toEqual(expected);
    expect(parseSecrets(first)).toEqual(expected.slice(0, 1));
  });

  it('holds at most 16 of them', () => {
    const many = Array.from({ length: 17 }, secret);
    expect(parseSecrets(many.slice(0, 16).join('\n'))).toHaveLength(16);
    expect(problemOf(many.join('\n'))).toBe(
      'gateway.secret_file holds over 16 secrets: remove the oldest, at the end.',
    );
  });

  it.each([
    ['nothing', '', 'holds no secret: make one with: head -c 32 /dev/urandom | base64'],
    ['comments only', '# a\n\n#b\n', 'holds no secret: make one with: head -c 32 /dev/urandom | base64'],
    ['a short secret', `${first}\n${randomBytes(31).toString('base64')}`, 'line 2 is not 32 bytes'],
    ['a long secret', randomBytes(33).toString('base64'), 'line 1 is not 32 bytes'],
    ['a secret without its padding', first.slice(0, -1), 'line 1 is not 32 bytes'],
    ['a secret in hexadecimal', randomBytes(32).toString('hex'), 'line 1 is not 32 bytes'],
    ['a secret with stray bits at its end', `${'A'.repeat(42)}B=`, 'line 1 is not 32 bytes'],
    ['a secret in base64url', `${'_-'.repeat(21)}A=`, 'line 1 is not 32 bytes'],
    ['two secrets in a line', `${first} ${second}`, 'line 1 is not 32 bytes'],
    ['a comment behind a secret', `${first} # new`, 'line 1 is not 32 bytes'],
    ['zeros', Buffer.alloc(32).toString('base64'), 'line 1 can be guessed'],
    ['one byte over and over', Buffer.alloc(32, 0xa5).toString('base64'), 'line 1 can be guessed'],
    ['a secret twice', `${first}\n# again\n${first}`, 'has the same secret in lines 1 and 3: remove one'],
  ])('with %s is refused', (_, text, problem) => {
    expect(problemOf(text)).toContain(`gateway.secret_file ${problem}`);
  });

  it('is read or refused by its own error, whatever is in it', () => {
    const line = fc.oneof(fc.string(), fc.constantFrom(first, second, '#', '\r', '\0', '='.repeat(44)));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        problemOf(lines.join('\n'));
      }),
    );
  });
});

describe('a secret', () => {
  it('makes another key for each purpose, always the same ones', () => {
    const bytes = new Uint8Array(32).map((_, index) => index);
    const hex = (key: Uint8Array): string => Buffer.from(key).toString('hex');
    const { id, sealKey, grantKey } = deriveSecret(bytes);
    // Computed once with Python's hmac; seals that are out there depend on it.
    expect({ id, seal: hex(sealKey), grant: hex(grantKey) }).toEqual({
      id: 0xbd58,
      seal: 'daa40cc8bdd1061c3a20018b975c304b8116b4b50acef2bbc5e7dfc6e294cbd9',
      grant: '6b34d37081cf88ce764aa78f38e1d991e33f0949d46d9995d4b7169e1601da63',
    });
  });
});
