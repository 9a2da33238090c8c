import {
  type AutocryptHeader,
  CryptoError,
  chooseAutocrypt,
  open,
  type PeerMail,
  type PrivateKey,
  type PublicKey,
  parsePublicKey,
  type Signature,
} from '../crypto/index.js';
import { NotifyError, type PushMail, readInner, readMail } from '../notify-spec/index.js';
import type { Inside, OpenedMail, Pin, Signer } from './delivery/index.js';

/** What a mail is opened with. */
export interface Opening {
  /** The private key of the channel that its header names. */
  readonly key: PrivateKey;
  /** The sender key that is pinned on the channel; others are those of the mail's own handshake and of an earlier one. */
  readonly pin: Pin | undefined;
  /** The newest handshake that came with a push on this channel before. */
  readonly offered: AutocryptHeader | undefined;
  /** In ms since 1970. */
  readonly now: number;
}

interface Candidate {
  readonly key: PublicKey;
  readonly address: string;
}

/** What the mail's Autocrypt headers say; they count only as Autocrypt Level 1 lets them. */
const handshakeOf = (mail: PushMail): Omit<PeerMail, 'date'> => ({
  header: chooseAutocrypt(mail.autocrypt),
  hasOneFrom: mail.from.length === 1,
  isReport: mail.report,
});

async function candidateOf(header: AutocryptHeader | undefined): Promise<Candidate | undefined> {
  if (header === undefined) return undefined;
  try {
    return { key: await parsePublicKey(header.keydata), address: header.address };
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

const parsedPins = new WeakMap<Pin, Promise<PublicKey>>();

/** A channel has the same pin for each of its pushes: its key is parsed once. */
function pinnedKey(pin: Pin): Promise<PublicKey> {
  const parsed = parsedPins.get(pin) ?? parsePublicKey(pin.keydata);
  parsedPins.set(pin, parsed);
  return parsed;
}

/** Every key that may turn out to be the signer's, the pinned one first. Whether it is one that may push is for the judge to say. */
async function candidates(
  pinned: Candidate | undefined,
  headers: readonly (AutocryptHeader | undefined)[],
): Promise<Candidate[]> {
  const offered = await Promise.all(headers.map(candidateOf));
  const all = [pinned, ...offered].filter((candidate) => candidate !== undefined);
  return all.filter(({ key }, at) => all.findIndex((other) => other.key.fingerprint === key.fingerprint) === at);
}

function signerOf(signature: Signature, known: readonly Candidate[]): Signer {
  if (signature.state !== 'valid') return signature;
  const { fingerprint, keydata } = signature.signer;
  const candidate = known.find(({ key }) => key.fingerprint === fingerprint);
  if (candidate === undefined) return { state: 'invalid', reason: 'its key was not asked for.' };
  return { state: 'valid', signer: { fingerprint, address: candidate.address, keydata } };
}

function insideOf(data: Uint8Array): Inside {
  try {
    return { kind: 'entity', ...readInner(data) };
  } catch (error) {
    if (error instanceof NotifyError) return { kind: 'malformed', reason: error.message };
    throw error;
  }
}

/**
 * Opens a mail as far as it opens. Never rejects for what is in the mail: what does not decrypt is `closed`, what decrypts
 * but is not as it should be is left to the judge. Rejects with a CryptoError when the pinned key is damaged.
 */
export async function openMail(raw: Uint8Array, { key, pin, offered, now }: Opening): Promise<OpenedMail> {
  const pinned = pin === undefined ? undefined : { key: await pinnedKey(pin), address: pin.address };
  try {
    const mail = await readMail(raw);
    const handshake = handshakeOf(mail);
    const counts = handshake.hasOneFrom && !handshake.isReport;
    const known = await candidates(pinned, [counts ? handshake.header : undefined, offered]);
    const opened = await open(mail.armored, { key, signers: known.map((candidate) => candidate.key), now });
    return { kind: 'opened', signature: signerOf(opened.signature, known), inside: insideOf(opened.data), handshake };
  } catch (error) {
    const isTyped = error instanceof NotifyError || error instanceof CryptoError;
    // Whatever a stranger's mail does to a parser, the pushes behind it must come through.
    return { kind: 'closed', reason: isTyped ? error.message : 'It breaks what reads it.' };
  }
}
