import fc from 'fast-check';
import { expect, it } from 'vitest';
import { notifyErrorOf } from '../../test/tools/notify-arbitraries.js';
import { formatChannel, isChannel } from './channel.js';

it('writes twenty bytes as a channel that gives them back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
      const channel = formatChannel(bytes);
      expect(isChannel(channel)).toBe(true);
      expect(new Uint8Array(Buffer.from(channel, 'base64url'))).toEqual(bytes);
    }),
  );
});

it.each([0, 19, 21])('makes no channel of %i bytes', (size) => {
  expect(notifyErrorOf(() => formatChannel(new Uint8Array(size)))?.code).toBe('ERR_NOTIFY_CHANNEL_INVALID');
});

it.each(['', 'a'.repeat(26), 'a'.repeat(28), `${'a'.repeat(26)}+`, `${'a'.repeat(26)}=`, `${'a'.repeat(27)}\n`])(
  'takes %j for no channel',
  (text) => expect(isChannel(text)).toBe(false),
);
