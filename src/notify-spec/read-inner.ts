import { isAddress } from './address.js';
import { requirePayload } from './compose-inner.js';
import { NotifyError } from './errors.js';
import { type HeaderField, splitHeader, trimBlanks } from './header-block.js';
import { type InnerEntity, type InnerMediaType, innerMediaTypes, isInnerMediaType } from './inner-entity.js';
import { limits } from './limits.js';
import { parsePushHeader } from './push-header.js';

/** Encodings that leave the payload as it is (RFC 2045 §6.2). */
const identityEncodings: readonly string[] = ['binary', '8bit', '7bit'];

/**
 * Reads an inner entity. What comes back is only what the sender wrote: whether its signature, channel, sender and
 * recipient are the right ones is for the caller to check. Date and Message-ID are not looked at.
 *
 * @throws NotifyError `ERR_NOTIFY_INNER_INVALID` when there is no empty line, a header of over 8192 bytes or 32 fields, a
 * line that is no field, a missing or repeated Content-Type, From, To or Email-Notify, another media type than
 * `application/octet-stream` and `application/vnd.mailpush.grant`, a transfer encoding other than `binary`, `8bit` or `7bit`, or a From or To that is not one
 * plain address; `ERR_NOTIFY_PAYLOAD_SIZE`; what {@link parsePushHeader} throws.
 */
export function readInner(bytes: Uint8Array): Omit<InnerEntity, 'date' | 'messageId'> {
  const { fields, strayLines, bodyStart } = splitHeader(bytes.subarray(0, limits.innerHeaderBytes));
  if (bodyStart === undefined) throw invalid('End its header with an empty line within 8192 bytes.');
  if (strayLines > 0) throw invalid('Write only "Name: value" lines in its header.');
  if (fields.length > limits.innerHeaderFields)
    throw invalid(`Write at most ${limits.innerHeaderFields} header fields.`);
  const mediaType = readMediaType(fields);
  const encoding = single(fields, 'content-transfer-encoding') ?? '7bit';
  if (!identityEncodings.includes(encoding.toLowerCase())) throw invalid('Leave its payload in binary.');
  return {
    mediaType,
    from: singleAddress(fields, 'from'),
    to: singleAddress(fields, 'to'),
    push: parsePushHeader(required(fields, 'email-notify')),
    payload: requirePayload(bytes.slice(bodyStart)),
  };
}

function readMediaType(fields: readonly HeaderField[]): InnerMediaType {
  const [text = ''] = required(fields, 'content-type').split(';');
  const mediaType = trimBlanks(text).toLowerCase();
  if (!isInnerMediaType(mediaType)) throw invalid(`Give it the type ${innerMediaTypes.join(' or ')}.`);
  return mediaType;
}

function single(fields: readonly HeaderField[], name: string): string | undefined {
  const [first, second] = fields.filter((field) => field.name === name);
  if (second !== undefined) throw invalid(`Write ${name} only once.`);
  return first?.value;
}

function required(fields: readonly HeaderField[], name: string): string {
  const value = single(fields, name);
  if (value === undefined) throw invalid(`Add the field ${name}.`);
  return value;
}

function singleAddress(fields: readonly HeaderField[], name: string): string {
  const address = required(fields, name);
  if (!isAddress(address)) throw invalid(`Write one plain address into ${name}.`);
  return address;
}

function invalid(remedy: string): NotifyError {
  return new NotifyError('ERR_NOTIFY_INNER_INVALID', `The inner entity of this push cannot be read. ${remedy}`);
}
