import { type Config, config as defaults } from 'openpgp';

/**
 * The one OpenPGP.js configuration used here, passed to every call; the library's global one is never touched.
 *
 * Keys and messages come out as every Autocrypt client reads them: v4 keys, SEIPDv1, no salt notation in signatures
 * (it costs bytes and tells which library made them). Everything called insecure or unauthenticated stays off.
 */
export const openpgpConfig: Config = {
  ...defaults,
  v6Keys: false,
  aeadProtect: false,
  enableParsingV5Entities: false,
  nonDeterministicSignaturesViaNotation: false,
  showVersion: false,
  showComment: false,
  minRSABits: 2048,
  maxUserIDLength: 1024,
  // A mail that is read is at most 64 KiB, so only a decompression bomb comes near this.
  maxDecompressedMessageSize: 1_000_000,
  enforceGrammar: true,
  allowUnauthenticatedMessages: false,
  allowUnauthenticatedStream: false,
  allowInsecureDecryptionWithSigningKeys: false,
  allowInsecureVerificationWithReformattedKeys: false,
  allowMissingKeyFlags: false,
};

/** For OpenPGP.js `null` means "at any time"; its declarations lack it in places where it is taken. */
export const atAnyTime: Date = null as unknown as Date;
