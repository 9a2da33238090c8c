import { hkdfSync } from 'node:crypto';
import { GatewaySetupError } from './setup-error.js';

const secretBytes = 32;
const maxSecrets = 16;
/** 32 random bytes have fewer different ones than this once in 10^40 times. */
const minDifferentBytes = 8;
const base64 = /^[A-Za-z0-9+/]{43}=$/;
const advice = 'make one with: head -c 32 /dev/urandom | base64';

/** A secret of the gateway, and what is derived from it: each purpose has a key of its own. */
export interface Secret {
  /** Two bytes that tell which secret sealed something; public. */
  readonly id: number;
  /** AES-256 key of endpoints. */
  readonly sealKey: Uint8Array;
  /** AES-256 key of grants. */
  readonly grantKey: Uint8Array;
}

/**
 * Reads the text of `secret_file`: 1 to 16 secrets of 32 bytes in base64, one a line; the first one seals, all open. Blank
 * lines and lines that begin with `#` do not count.
 *
 * @throws GatewaySetupError `ERR_CONFIG_SECRET` for anything else, a secret that is there twice, and one that was not made
 * at random. Its message names the line and never what stands there.
 */
export function parseSecrets(text: string): readonly Uint8Array[] {
  const secrets: Uint8Array[] = [];
  const lineOf = new Map<number, number>();
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const value = line.trim();
    if (value === '' || value.startsWith('#')) continue;
    const secret = parseSecret(value, index + 1);
    const { id } = deriveSecret(secret);
    const other = lineOf.get(id);
    if (other !== undefined) throw unusable(`has the same secret in lines ${other} and ${index + 1}: remove one`);
    lineOf.set(id, index + 1);
    secrets.push(secret);
  }
  if (secrets.length === 0) throw unusable(`holds no secret: ${advice}`);
  if (secrets.length > maxSecrets) throw unusable(`holds over ${maxSecrets} secrets: remove the oldest, at the end`);
  return secrets;
}

/** Derives the keys of a secret by HKDF with SHA-256 (RFC 5869). */
export function deriveSecret(secret: Uint8Array): Secret {
  const derive = (purpose: string, size: number): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), `mailpush gateway ${purpose}`, size));
  const [high = 0, low = 0] = derive('id', 2);
  return { id: (high << 8) | low, sealKey: derive('seal', 32), grantKey: derive('grant', 32) };
}

function parseSecret(value: string, line: number): Uint8Array {
  const secret = new Uint8Array(Buffer.from(value, 'base64'));
  // Of 44 characters the last two bits say nothing: one spelling only, as a typing error would be one of the others.
  if (!base64.test(value) || Buffer.from(secret).toString('base64') !== value || secret.length !== secretBytes) {
    throw unusable(`line ${line} is not ${secretBytes} bytes in base64: ${advice}`);
  }
  if (new Set(secret).size < minDifferentBytes) throw unusable(`line ${line} can be guessed: ${advice}`);
  return secret;
}

function unusable(problem: string): GatewaySetupError {
  return new GatewaySetupError('ERR_CONFIG_SECRET', `gateway.secret_file ${problem}.`);
}
