import type { Pin } from './delivery/index.js';
import type { Registration } from './store/index.js';

/** A grant that has come on the control channel of a gateway: decrypted, its signature valid, in time, and not seen before. */
export interface ArrivedGrant {
  /** The control channel. */
  readonly registration: Registration;
  /** The JSON of docs/gateway.md (For distributors), not looked at yet. */
  readonly payload: Uint8Array;
  /** Whoever signed it: the key that pushes for this gateway, if the grant is one that was asked for. */
  readonly signer: Pin;
}

/** What became of a grant. */
export type GrantOutcome =
  /** It is used from now on, and on disk. Its mail is removed. */
  | 'accepted'
  /** Nobody asked for it, or it is not valid: refused, and its mail is removed. */
  | 'unwanted'
  /** It could not be written down: it is tried again until its time is up, as is one for which `take` rejects. */
  | 'unavailable';

/**
 * Takes the grants that gateways send. Whoever signed one is not pinned by that: who may grant is who answers to what was asked
 * for. A pin that is set on the control channel holds for it as for any other.
 */
export interface Grants {
  take(grant: ArrivedGrant): Promise<GrantOutcome>;
}
