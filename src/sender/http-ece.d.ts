// The part of http_ece that is used; the package has no declarations.
declare module 'http_ece' {
  import type { ECDH } from 'node:crypto';

  interface EncryptOptions {
    readonly version: 'aes128gcm';
    /** The receiver's public key. */
    readonly dh: Buffer;
    /** The sender's key pair for this one message. */
    readonly privateKey: ECDH;
    readonly authSecret: Buffer;
    readonly salt: Buffer;
  }

  const ece: { encrypt(plaintext: Buffer, options: EncryptOptions): Buffer };
  export default ece;
}
