import { findArmored } from './armor.js';
import { unfold } from './attributes.js';
import { NotifyError } from './errors.js';
import { listAddresses } from './from-list.js';
import { trimBlanks } from './header-block.js';
import { limits } from './limits.js';
import { type MimeLeaf, type MimeTree, parseMimeTree } from './mime-tree.js';

/** What is of use in a push mail before it is decrypted; none of it is to be trusted. */
export interface PushMail {
  /** The armored message, with LF line breaks. */
  readonly armored: string;
  /** Values of all Autocrypt headers of the mail itself, unfolded, in the order they stand. */
  readonly autocrypt: readonly string[];
  /** Addresses of all From headers; an Autocrypt header counts only in a mail with exactly one (Autocrypt Level 1). */
  readonly from: readonly string[];
  /** Whether the mail is a multipart/report, whose Autocrypt header never counts. */
  readonly report: boolean;
}

/**
 * Reads a push mail out of any MIME tree that holds exactly one armored message, because mail servers rearrange and wrap
 * what they forward. Parts in 7bit, 8bit, quoted-printable and base64 all do, and so do LF line breaks; text/html is not searched.
 *
 * @throws NotifyError `ERR_NOTIFY_MAIL_BOUNDS` over 64 KiB, a header over 32 KiB, more than 32 parts or
 * mails wrapped in mails more than 4 deep;
 * `ERR_NOTIFY_NO_MESSAGE`, `ERR_NOTIFY_SEVERAL_MESSAGES`, `ERR_NOTIFY_MAIL_INVALID`.
 */
export async function readMail(raw: Uint8Array): Promise<PushMail> {
  if (raw.length > limits.mailBytes) throw outOfBounds();
  const { header, leaves } = await parse(raw);
  const [armored, second] = await searchLeaves(leaves, limits.mailWrappings);
  if (armored === undefined) {
    throw new NotifyError('ERR_NOTIFY_NO_MESSAGE', 'This mail holds no armored PGP message; leave it as it is.');
  }
  if (second !== undefined) {
    throw new NotifyError(
      'ERR_NOTIFY_SEVERAL_MESSAGES',
      'This mail holds several armored messages; leave it as it is.',
    );
  }
  return {
    armored,
    autocrypt: valuesOf(header, 'autocrypt'),
    from: valuesOf(header, 'from').flatMap(listAddresses),
    report: valuesOf(header, 'content-type').some((value) => /^multipart\/report(?:[ \t;]|$)/i.test(value)),
  };
}

/** The armored messages of leaves, and of the mails that those hold in turn, at most `wrappings` deep. */
async function searchLeaves(leaves: readonly MimeLeaf[], wrappings: number): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { mediaType, content } of leaves) {
    if (mediaType !== 'message/rfc822') {
      found.push(...findArmored(content));
    } else {
      if (wrappings === 0) throw outOfBounds();
      const embedded = await parse(Buffer.from(content, 'latin1'));
      found.push(...(await searchLeaves(embedded.leaves, wrappings - 1)));
    }
  }
  return found;
}

async function parse(raw: Uint8Array): Promise<MimeTree> {
  try {
    return await parseMimeTree(raw);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EMAXLEN') throw outOfBounds(cause);
    throw new NotifyError('ERR_NOTIFY_MAIL_INVALID', 'The structure of this mail cannot be read; leave it as it is.', {
      cause,
    });
  }
}

function valuesOf(header: MimeTree['header'], name: string): readonly string[] {
  const lines = header.filter((field) => field.key === name);
  return lines.map(({ line }) => trimBlanks(unfold(line.slice(line.indexOf(':') + 1))));
}

function outOfBounds(cause?: unknown): NotifyError {
  return new NotifyError(
    'ERR_NOTIFY_MAIL_BOUNDS',
    'This mail is too large or has too many parts for a push; leave it as it is.',
    { cause },
  );
}
