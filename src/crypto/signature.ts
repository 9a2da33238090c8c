import type { PublicKey } from './key.js';

/**
 * What is known about who signed a message. Only `valid` says anything about its sender.
 *
 * | State | Meaning |
 * |---|---|
 * | `valid` | exactly one signature, by `signer`, whose key was good at that time and is not revoked |
 * | `unknown-signer` | exactly one signature, by a key that is not among the candidates; `keyId` is 16 lower-case hex digits, and is only a claim |
 * | `invalid` | more than one signature, or one that does not hold; `reason` is a sentence for a log |
 * | `unsigned` | no signature |
 */
export type Signature =
  | { readonly state: 'valid'; readonly signer: PublicKey }
  | { readonly state: 'unknown-signer'; readonly keyId: string }
  | { readonly state: 'invalid'; readonly reason: string }
  | { readonly state: 'unsigned' };
