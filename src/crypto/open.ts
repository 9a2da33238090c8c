import * as openpgp from 'openpgp';
import { limits } from '../notify-spec/index.js';
import { CryptoError } from './errors.js';
import type { PrivateKey, PublicKey } from './key.js';
import { packetTag, readAllPackets } from './message-packets.js';
import { openpgpConfig } from './openpgp-config.js';
import { unwrapPrivateKey } from './parsed-keys.js';
import type { Signature } from './signature.js';
import { verifySignature } from './verify.js';

// Each one may cost a curve operation, and a push has one recipient, or two with its sender.
const maxSessionKeys = 16;
const clockToleranceMs = 600_000;
const { packet: tags } = openpgp.enums;

type Message = openpgp.Message<Uint8Array>;

/** Options of {@link open}. */
export interface OpenOptions {
  readonly key: PrivateKey;
  /** Who may have signed: the pinned key, keys from a handshake, or both. May be empty. */
  readonly signers: readonly PublicKey[];
  /** The time in milliseconds since 1970; a sender's clock may be ten minutes ahead of it. */
  readonly now: number;
}

/** What {@link open} found. */
export interface OpenedMessage {
  readonly data: Uint8Array;
  readonly signature: Signature;
}

/**
 * Decrypts one armored message with one key and judges its signature. `data` is returned only when it was read to its
 * end and its integrity was checked (RFC 9580 §5.13), whatever the state of its signature.
 *
 * Throws `ERR_MESSAGE_MALFORMED` for anything but one message encrypted to public keys, over 65 536 characters, or
 * without exactly one piece of data inside, and `ERR_MESSAGE_UNREADABLE` when it does not decrypt with this key or
 * unpacks to over 1 MB.
 */
export async function open(armored: string, options: OpenOptions): Promise<OpenedMessage> {
  const key = unwrapPrivateKey(options.key);
  const date = new Date(options.now + clockToleranceMs);
  const message = await decrypt(await readEncrypted(armored), key, date);
  const unwrapped = message.unwrapCompressed();
  const data = unwrapped.getLiteralData();
  const pieces = unwrapped.packets.filter((packet) => packetTag(packet) === tags.literalData);
  if (pieces.length !== 1 || !(data instanceof Uint8Array)) {
    throw new CryptoError('ERR_MESSAGE_MALFORMED', 'The encryption does not hold exactly one piece of data.');
  }
  return { data, signature: await verifySignature(message, options.signers, date) };
}

async function readEncrypted(armored: string): Promise<Message> {
  if (typeof armored !== 'string' || armored.length > limits.mailBytes) {
    throw new CryptoError('ERR_MESSAGE_MALFORMED', `A message is text of at most ${limits.mailBytes} characters.`);
  }
  let message: Message;
  let found: (number | undefined)[];
  try {
    const read = await openpgp.readMessage({ armoredMessage: armored, config: openpgpConfig });
    message = read as openpgp.Message<string | Uint8Array> as Message;
    found = (await readAllPackets(message)).map(packetTag);
  } catch (cause) {
    throw new CryptoError('ERR_MESSAGE_MALFORMED', 'The text is not an armored OpenPGP message.', { cause });
  }
  const data = found.pop();
  if (
    data !== tags.symEncryptedIntegrityProtectedData ||
    found.length === 0 ||
    found.length > maxSessionKeys ||
    found.some((tag) => tag !== tags.publicKeyEncryptedSessionKey)
  ) {
    const sentence = 'The message is not encrypted to public keys with integrity protection.';
    throw new CryptoError('ERR_MESSAGE_MALFORMED', sentence);
  }
  return message;
}

async function decrypt(encrypted: Message, key: openpgp.PrivateKey, date: Date): Promise<Message> {
  try {
    const message = (await encrypted.decrypt([key], undefined, undefined, date, openpgpConfig)) as Message;
    await readAllPackets(message);
    await readAllPackets(message.unwrapCompressed());
    return message;
  } catch (cause) {
    throw new CryptoError('ERR_MESSAGE_UNREADABLE', 'The message does not decrypt with this key, or was changed.', {
      cause,
    });
  }
}
