import { formatAttributes, invalid, parseAttributes } from './attributes.js';
import { isChannel, requireChannel } from './channel.js';

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
 * The `c` attribute of an Email-Notify header.
 *
 * @throws NotifyError `ERR_NOTIFY_HEADER_INVALID` when it is missing or not a channel.
 */
export function channelOf(attributes: ReadonlyMap<string, string>): string {
  const channel = attributes.get('c');
  if (channel === undefined || !isChannel(channel)) throw invalid('Give c=, a channel of 27 base64url characters.');
  return channel;
}
