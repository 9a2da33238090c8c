import { isAddress } from './address.js';
import { unfold } from './attributes.js';
import { NotifyError } from './errors.js';
import { type HeaderField, splitHeader, trimBlanks } from './header-block.js';
import { type MimeTree, parseMimeTree } from './mime-tree.js';
import { parseRoutingHeader } from './routing-header.js';

/** What became of a mail for one recipient; texts are as the report has them. */
export interface ReportedRecipient {
  /** The address that the mail was sent to, or the one it ended at; undefined when it is not one plain address. */
  readonly address: string | undefined;
  /** `failed`, `delayed` or another, in lower case (RFC 3464 §2.3.3). */
  readonly action: string;
  /** The status with what may stand behind it: `5.1.1` (RFC 3463). */
  readonly status: string;
  /** Words of the server that refused, in at most 500 characters; they often name the address. */
  readonly diagnostic: string | undefined;
}

/** A delivery status notification about a push mail. */
export interface DeliveryReport {
  /** The channel in the header of the mail that came back. */
  readonly channel: string;
  /** Its Message-ID, with its angle brackets. */
  readonly messageId: string | undefined;
  /** One hundred at most. */
  readonly recipients: readonly ReportedRecipient[];
}

/** Eight push mails, or one with all that some servers put around it; more is not read. */
const maxReadBytes = 262_144;
const maxRecipients = 100;
const maxDiagnosticChars = 500;
const maxMessageIdChars = 250;

const reportType = /^multipart\/report[ \t]*(?:;|$)/i;
const otherReport = /;[ \t]*report-type[ \t]*=[ \t]*"?(?!delivery-status)[^";]/i;
/** RFC 3464 §2.1, RFC 6533 §3. */
const statusTypes: readonly string[] = ['message/delivery-status', 'message/global-delivery-status'];
/** RFC 6522 §3, RFC 6533 §4; the one before the last is nobody's standard and is met all the same. */
const returnedTypes: readonly string[] = [
  'text/rfc822-headers',
  'message/rfc822',
  'message/global-headers',
  'message/global',
  'message/rfc822-headers',
  'text/rfc822',
];

/**
 * Reads a delivery status notification (RFC 3464, in the multipart/report of RFC 6522) about a push mail, told by the
 * Email-Notify header of the mail that it returns. Of a large one the first 256 KiB are read. Undefined when it is none,
 * whatever it is; rejects with nothing but a fault of this program.
 */
export async function readReport(raw: Uint8Array): Promise<DeliveryReport | undefined> {
  const tree = await parse(raw.subarray(0, maxReadBytes));
  if (tree === undefined || !isDeliveryReport(tree)) return undefined;
  const statuses = tree.leaves.filter(({ mediaType }) => statusTypes.includes(mediaType));
  const returned = tree.leaves.find(({ mediaType }) => returnedTypes.includes(mediaType));
  const [status, second] = statuses;
  if (status === undefined || second !== undefined || returned === undefined) return undefined;
  const { fields } = splitHeader(bytesOf(returned.content));
  const channel = channelOf(fields);
  if (channel === undefined) return undefined;
  const recipients = groupsOf(status.content).flatMap(recipientOf).slice(0, maxRecipients);
  const messageId = fieldOf(fields, 'message-id')?.slice(0, maxMessageIdChars);
  return recipients.length === 0 ? undefined : { channel, messageId, recipients };
}

async function parse(raw: Uint8Array): Promise<MimeTree | undefined> {
  try {
    return await parseMimeTree(raw);
  } catch {
    return undefined; // too many parts, too large a header, or no MIME
  }
}

function isDeliveryReport({ header }: MimeTree): boolean {
  const [field, second] = header.filter(({ key }) => key === 'content-type');
  if (field === undefined || second !== undefined) return false;
  const value = trimBlanks(unfold(field.line.slice(field.line.indexOf(':') + 1)));
  return reportType.test(value) && !otherReport.test(value);
}

/** The mail that came back is a push mail if it has one valid Email-Notify header; others are none of our business. */
function channelOf(fields: readonly HeaderField[]): string | undefined {
  const value = fieldOf(fields, 'email-notify');
  if (value === undefined) return undefined;
  try {
    return parseRoutingHeader(value).channel;
  } catch (error) {
    if (error instanceof NotifyError) return undefined;
    throw error;
  }
}

/** The groups of fields of a report, which empty lines divide (RFC 3464 §2.1). */
function groupsOf(content: string): readonly (readonly HeaderField[])[] {
  const groups: (readonly HeaderField[])[] = [];
  let rest = bytesOf(content);
  while (rest.length > 0 && groups.length <= 2 * maxRecipients) {
    const { fields, bodyStart } = splitHeader(rest);
    if (fields.length > 0) groups.push(fields);
    rest = rest.subarray(bodyStart ?? rest.length);
  }
  return groups;
}

/** The first group is about the mail as a whole; what names a recipient is about that one. */
function recipientOf(fields: readonly HeaderField[]): readonly ReportedRecipient[] {
  const final = fieldOf(fields, 'final-recipient');
  const original = fieldOf(fields, 'original-recipient');
  const action = fieldOf(fields, 'action');
  if ((final ?? original) === undefined || action === undefined) return [];
  const diagnostic = fieldOf(fields, 'diagnostic-code') ?? fieldOf(fields, 'x-supplementary-info');
  return [
    {
      address: addressOf(original) ?? addressOf(final),
      // Comments may stand behind both (RFC 822 §3.4.3).
      action: action.replace(/[ \t(].*$/, '').toLowerCase(),
      status: fieldOf(fields, 'status') ?? '',
      diagnostic: diagnostic?.slice(0, maxDiagnosticChars),
    },
  ];
}

/** `rfc822; alice@example.org`, which some servers put into angle brackets. */
function addressOf(recipient = ''): string | undefined {
  const address = trimBlanks(recipient.slice(recipient.indexOf(';') + 1)).replace(/^<(.*)>$/, '$1');
  return isAddress(address) ? address : undefined;
}

function fieldOf(fields: readonly HeaderField[], name: string): string | undefined {
  const [first, second] = fields.filter((field) => field.name === name);
  return second === undefined ? first?.value : undefined;
}

function bytesOf(content: string): Uint8Array {
  return Buffer.from(content, 'latin1');
}
