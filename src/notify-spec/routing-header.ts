import { formatAttributes, invalid, parseAttributes } from './attributes.js';
import { isChannel, requireChannel } from './channel.js';
import { splitHeader } from './header-block.js';
import { limits } from './limits.js';

/**
 * Reads the value of an outer Email-Notify header, folded or not. It only routes: nothing but `v` and `c` is looked at,
 * and nothing in it is to be trusted.
 *
 * @throws NotifyError `ERR_NOTIFY_HEADER_INVALID` or `ERR_NOTIFY_VERSION_UNKNOWN`.
 */
export function parseRoutingHeader(value: string): { channel: string } {
  return { channel: channelOf(parseAttributes(value)) };
}

/**
 * Writes the value of an outer Email-Notify header.
 *
 * @throws NotifyError `ERR_NOTIFY_CHANNEL_INVALID`.
 */
export function formatRoutingHeader(fields: { readonly channel: string }): string {
  return formatAttributes([
    ['v', '1'],
    ['c', requireChannel(fields.channel)],
  ]);
}

/**
 * The channels that the Email-Notify headers of `header` name, each once; headers of another version or that break the
 * grammar name none. `header` is a header block as IMAP's `BODY[HEADER.FIELDS (EMAIL-NOTIFY)]` answers it, or a whole
 * one; at most its first 32 KiB count. Throws nothing, whatever the bytes.
 */
export function findChannels(header: Uint8Array): readonly string[] {
  const channels = new Set<string>();
  for (const field of splitHeader(header.subarray(0, limits.mailHeaderBytes)).fields) {
    if (field.name !== 'email-notify') continue;
    try {
      channels.add(parseRoutingHeader(field.value).channel);
    } catch {
      // A forged or future header is not ours to complain about: the mail stays what it is.
    }
  }
  return [...channels];
}

/**
 * The `c` attribute of an Email-Notify header.
 *
 * @throws NotifyError `ERR_NOTIFY_HEADER_INVALID` when it is missing or not a channel.
 */
export function channelOf(attributes: ReadonlyMap<string, string>): string {
  const channel = attributes.get('c');
  if (channel === undefined || !isChannel(channel)) throw invalid('Give c=, a channel of 27 base64url characters.');
  return channel;
}
