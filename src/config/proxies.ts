import { isIP } from 'node:net';

/** This machine (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
export const loopbackNetworks: readonly string[] = ['127.0.0.0/8', '::1/128'];

/** Whether a text is an IP address, or a network such as `10.0.0.0/8` (RFC 4632 §3.1). */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
