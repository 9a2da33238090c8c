import { NotifyError } from './errors.js';
import { limits } from './limits.js';

const channelPattern = /^[A-Za-z0-9_-]{27}$/;

/** Whether `text` is a channel: 27 base64url characters (RFC 4648 §5). */
export function isChannel(text: string): boolean {
  return channelPattern.test(text);
}

/**
 * Writes 20 random bytes as a channel of 27 base64url characters, without padding.
 *
 * @throws NotifyError `ERR_NOTIFY_CHANNEL_INVALID` for any other number of bytes.
 */
export function formatChannel(bytes: Uint8Array): string {
  if (bytes.length !== limits.channelBytes) {
    throw new NotifyError(
      'ERR_NOTIFY_CHANNEL_INVALID',
      `Make a channel of exactly ${limits.channelBytes} random bytes.`,
    );
  }
  return Buffer.from(bytes).toString('base64url');
}

/**
 * `channel` unchanged.
 *
 * @throws NotifyError `ERR_NOTIFY_CHANNEL_INVALID` when it is not a channel ({@link isChannel}).
 */
export function requireChannel(channel: string): string {
  if (!isChannel(channel)) {
    throw new NotifyError('ERR_NOTIFY_CHANNEL_INVALID', 'Give a channel of 27 base64url characters.');
  }
  return channel;
}
