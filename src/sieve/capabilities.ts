import { utf8 } from './answer.js';
import type { Line } from './wire-reader.js';

/** What a server can do (RFC 5804 §1.7); names in lower case but for those of SASL mechanisms. */
export interface Capabilities {
  /** SASL mechanisms that may be used on this connection as it is, in upper case. */
  readonly mechanisms: ReadonlySet<string>;
  /** Sieve extensions, such as `fileinto`. */
  readonly extensions: ReadonlySet<string>;
  readonly startTls: boolean;
  /** Whether it is a server of RFC 5804, and not of a draft before it: it knows CHECKSCRIPT then (§1.7, VERSION). */
  readonly isStandard: boolean;
}

const words = (text: string | undefined): string[] => (text ?? '').split(' ').filter((word) => word !== '');

/**
 * Reads the lines of a greeting, or of the answer to CAPABILITY.
 *
 * @throws SieveError `ERR_SIEVE_PROTOCOL` when a line is none of a capability.
 */
export function readCapabilities(lines: readonly Line[]): Capabilities {
  const known = new Map<string, string>();
  for (const [name, value] of lines) known.set(utf8(name).toUpperCase(), value === undefined ? '' : utf8(value));
  return {
    mechanisms: new Set(words(known.get('SASL')).map((name) => name.toUpperCase())),
    extensions: new Set(words(known.get('SIEVE')).map((name) => name.toLowerCase())),
    startTls: known.has('STARTTLS'),
    isStandard: known.has('VERSION'),
  };
}
