import { expect, it } from 'vitest';
import { notifyErrorOf } from '../../test/tools/notify-arbitraries.js';
import { formatMessageId } from './message-id.js';

it('makes a message id of random bytes in the domain of the sender', () => {
  expect(formatMessageId(Buffer.from('hello, world'), 'push@app.example')).toBe('<aGVsbG8sIHdvcmxk@app.example>');
});

it('makes none of no bytes, of too many or without an address', () => {
  const code = (bytes: number, from: string) => notifyErrorOf(() => formatMessageId(new Uint8Array(bytes), from))?.code;
  expect(code(0, 'push@app.example')).toBe('ERR_NOTIFY_MAIL_FIELD_INVALID');
  expect(code(300, 'push@app.example')).toBe('ERR_NOTIFY_MAIL_FIELD_INVALID');
  expect(code(12, 'app.example')).toBe('ERR_ADDRESS_INVALID');
});
