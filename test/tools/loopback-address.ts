import { randomInt } from 'node:crypto';

/**
 * An address of 127.0.0.0/8 that nobody else uses, for a server that cannot listen on a port of the system's choice. On
 * Linux all of them are there without more ado.
 */
export function loopbackAddress(): string {
  return `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
}
