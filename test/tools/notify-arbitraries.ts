import fc from 'fast-check';
import {
  type InnerEntity,
  innerMediaTypes,
  NotifyError,
  type PushHeader,
  urgencies,
} from '../../src/notify-spec/index.js';

const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const atomText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~-";
const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('');

function textOf(chars: string, minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...chars), { minLength, maxLength }).map((list) => list.join(''));
}

/** Any channel. */
export const channels: fc.Arbitrary<string> = textOf(base64url, 27, 27);

const atoms = textOf(atomText, 1, 12);
const labels = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);

/** Any plain address that leaves an endpoint within its bound. */
export const addresses: fc.Arbitrary<string> = fc
  .tuple(fc.array(atoms, { minLength: 1, maxLength: 3 }), fc.array(labels, { minLength: 1, maxLength: 3 }))
  .map(([local, domain]) => `${local.join('.')}@${domain.join('.')}`);

/** Any message id. */
export const messageIds: fc.Arbitrary<string> = fc
  .tuple(textOf(atomText, 1, 20), labels)
  .map(([left, right]) => `<${left}@${right}>`);

/** Any date that a mail can tell, to the second. */
export const dates: fc.Arbitrary<Date> = fc.integer({ min: 0, max: 253_399_000_000 }).map((s) => new Date(s * 1000));

/** Any value of an Autocrypt header in one line, as far as a mail is concerned. */
export const autocryptValues: fc.Arbitrary<string> = fc
  .tuple(addresses, fc.boolean(), textOf(base64, 4, 600))
  .map(
    ([address, mutual, keydata]) => `addr=${address};${mutual ? ' prefer-encrypt=mutual;' : ''} keydata=${keydata}=`,
  );

/** Any armored message, as far as a mail is concerned. */
export const armoredMessages: fc.Arbitrary<string> = fc
  .array(textOf(base64, 1, 60), { minLength: 1, maxLength: 20 })
  .map((lines) => ['-----BEGIN PGP MESSAGE-----', '', ...lines, '=abcd', '-----END PGP MESSAGE-----', ''].join('\n'));

/** Any inner header; nothing in it is at its default, so that what is written is what is read. */
export const pushHeaders: fc.Arbitrary<PushHeader> = fc.record(
  {
    channel: channels,
    id: textOf(visible.replace(';', ''), 1, 64),
    timestamp: fc.integer({ min: 0, max: 253_402_300_799 }),
    ttlSeconds: fc.integer({ min: 0, max: 2_419_200 }),
    urgency: fc.constantFrom(...urgencies),
    topic: textOf(base64url, 1, 32),
    contentCoding: textOf('abcdefghijklmnopqrstuvwxyz0123456789-', 1, 32),
    nextFingerprint: textOf('0123456789abcdef', 40, 40),
  },
  { requiredKeys: ['channel', 'id', 'timestamp', 'ttlSeconds', 'urgency'] },
);

/** Any inner entity. */
export const innerEntities: fc.Arbitrary<InnerEntity> = fc.record({
  mediaType: fc.constantFrom(...innerMediaTypes),
  from: addresses,
  to: addresses,
  date: dates,
  messageId: messageIds,
  push: pushHeaders,
  payload: fc.uint8Array({ minLength: 1, maxLength: 4096, size: 'large' }),
});

/** Any text, with more of the characters that are trouble in mail than chance would bring. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary-ascii', maxLength: 8 }),
      fc.constantFrom('\r', '\n', '\0', 'ü', '\u2028', '\ud800'),
    ),
    {
      maxLength: 4,
    },
  )
  .map((pieces) => pieces.join(''));

/** A header value with white space and folds put around its attributes, which mean the same. */
export function withFolding(value: string): fc.Arbitrary<string> {
  const blanks = fc.constantFrom('', ' ', '\t', '\r\n ', '\n\t', ' \r\n ');
  const pieces = value.split('; ');
  return fc
    .array(fc.tuple(blanks, blanks), { minLength: pieces.length, maxLength: pieces.length })
    .map((around) => pieces.map((piece, index) => `${around[index]?.[0]}${piece}${around[index]?.[1]}`).join(';'));
}

/** The NotifyError that `operation` throws, undefined when it throws none; any other exception goes through. */
export function notifyErrorOf(operation: () => unknown): NotifyError | undefined {
  try {
    operation();
    return undefined;
  } catch (error) {
    if (error instanceof NotifyError) return error;
    throw error;
  }
}
