import { isIPv6 } from 'node:net';

/** Where a server listens. */
export interface ListenAddress {
  /** Name or IP address (IPv6 without brackets). */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

const form = /^(?:\[([\da-fA-F:.]{2,45})\]|([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)):(\d{1,5})$/;

/** Reads `host:port` or `[address]:port`; what is wrong with it comes back as the end of a sentence that begins with its key. */
export function parseListen(text: string): ListenAddress | { readonly problem: string } {
  const [, address, name = '', digits] = form.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535 || (address !== undefined && !isIPv6(address))) {
    return { problem: 'is not host:port: write it like 127.0.0.1:8480, or [::1]:8480' };
  }
  return { host: (address ?? name).toLowerCase(), port };
}
