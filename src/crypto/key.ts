/**
 * An OpenPGP certificate, parsed and checked once. Opaque: the parsed key is held privately, and only objects made by
 * this folder are taken by its functions.
 */
export interface PublicKey {
  /** Fingerprint of the primary key: 40 lower-case hexadecimal digits (RFC 9580 §5.5.4.2). */
  readonly fingerprint: string;
  /** The address in its user id, as written there; undefined when the user id holds none. */
  readonly address: string | undefined;
  /** The certificate in binary, reduced to what is needed; a key made by mailpush is exactly five packets. */
  readonly keydata: Uint8Array;
}

/** An OpenPGP key pair whose secret part is unlocked. Opaque like {@link PublicKey}; printing it shows no secret. */
export interface PrivateKey {
  /** Fingerprint of the primary key: 40 lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** The address in its user id; undefined when the user id holds none. */
  readonly address: string | undefined;
  /** The public half. */
  readonly publicKey: PublicKey;
}
