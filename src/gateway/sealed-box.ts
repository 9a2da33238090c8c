import { createCipheriv, createDecipheriv } from 'node:crypto';

/** Bytes that a box adds to what is in it: version, id of the secret and nonce before, the tag behind. */
export const boxOverheadBytes = 31;

const algorithm = 'aes-256-gcm';
const headerBytes = 15;
const nonceStart = 3;
const tagBytes = 16;
/** Longer than any URL of a gateway. */
const maxTextChars = 512;
const base64url = /^[A-Za-z0-9_-]+$/;

/** A key and the two bytes that name it. */
export interface BoxKey {
  readonly id: number;
  readonly key: Uint8Array;
}

/** What a box is made of. */
export interface SealedBoxOptions {
  /** First byte of what is closed. */
  readonly version: number;
  /** Closes, and opens. */
  readonly key: BoxKey;
  /** Open only; their ids are different. */
  readonly olderKeys: readonly BoxKey[];
  /** What is not in the box but has to be the same when it is opened. */
  readonly associated: Uint8Array;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** Closes and opens texts that are given to strangers. */
export interface SealedBox {
  /** Base64url without padding (RFC 4648 §5): another text each time. */
  readonly close: (content: Uint8Array) => string;
  /** What is in a text that was closed here, and the bytes of that text; undefined for any other. Never throws. */
  readonly open: (text: string) => { readonly content: Uint8Array; readonly sealed: Uint8Array } | undefined;
}

/**
 * Makes a box of AES-256-GCM (NIST SP 800-38D) with random nonces of 96 bits: a key is good for 2^32 texts. Of each content
 * there is one spelling that opens: a text in another alphabet, with padding or with stray bits at its end does not.
 */
export function createSealedBox(options: SealedBoxOptions): SealedBox {
  const { version, key: current, olderKeys, associated, randomBytes } = options;
  const byId = new Map([...olderKeys, current].map(({ id, key }) => [id, key]));
  return {
    close: (content) => {
      const header = Buffer.concat([Uint8Array.of(version, current.id >> 8, current.id & 0xff), randomBytes(12)]);
      const cipher = createCipheriv(algorithm, current.key, header.subarray(nonceStart), { authTagLength: tagBytes });
      cipher.setAAD(Buffer.concat([header, associated]));
      const sealed = [header, cipher.update(content), cipher.final(), cipher.getAuthTag()];
      return Buffer.concat(sealed).toString('base64url');
    },
    open: (text) => {
      const sealed = decode(text);
      if (sealed === undefined || sealed.length <= boxOverheadBytes || sealed[0] !== version) return undefined;
      // What is not known costs as much as what is forged.
      const key = byId.get(sealed.readUInt16BE(1)) ?? current.key;
      const header = sealed.subarray(0, headerBytes);
      const decipher = createDecipheriv(algorithm, key, header.subarray(nonceStart), { authTagLength: tagBytes });
      decipher.setAAD(Buffer.concat([header, associated]));
      decipher.setAuthTag(sealed.subarray(-tagBytes));
      const content = decipher.update(sealed.subarray(headerBytes, -tagBytes));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return { content: new Uint8Array(content), sealed: new Uint8Array(sealed) };
    },
  };
}

/** A caller in JavaScript can hand over anything, so the type is looked at too. */
function decode(text: string): Buffer | undefined {
  if (typeof text !== 'string' || text.length > maxTextChars || !base64url.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
