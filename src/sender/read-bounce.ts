import { type ReportedRecipient, readReport } from '../notify-spec/index.js';
import { isMailboxGone } from './smtp-failure.js';

/** What a mail server did with a mail (RFC 3464 §2.3.3); `delayed` means that it still tries. */
export type BounceAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

/** What became of a push after an SMTP server had taken it, for one recipient. */
export interface Bounce {
  /** The channel in the endpoint: {@link readBounce} tells how to find the endpoint by it. */
  readonly channel: string;
  /** Message-ID of the push mail, as `PushReceipt.messageId`; undefined when the report leaves it out. */
  readonly messageId: string | undefined;
  /** Where the mail was sent, or where it ended; undefined when the report does not tell it as a plain address. */
  readonly address: string | undefined;
  readonly action: BounceAction;
  /** RFC 3463, such as `5.1.1`; undefined when the report has none. */
  readonly status: string | undefined;
  /** There is no such mailbox: forget the endpoint, as after `ERR_ENDPOINT_GONE`. */
  readonly gone: boolean;
  /** Words of the server that refused, such as `smtp; 550 5.1.1 No such user`; they often name the address. */
  readonly diagnostic: string | undefined;
}

const actions: readonly string[] = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] satisfies BounceAction[];
const statusPattern = /^([245])\.\d{1,3}\.\d{1,3}(?!\.?\d)/;
/** Behind a reply such as `550`, or at the very beginning of what the server said. */
const statusInDiagnostic = /(?:^|[ ;<#])(?:[245]\d\d[ -])?([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)/;

/**
 * Reads a mail that came back to `from`, the address of the sender: what became of a push that could not be delivered after all (RFC 3464).
 * One result for each recipient, which for a push is one; undefined when it is no delivery status notification about a push
 * mail. Never rejects, whatever the mail is; of a large one the first 256 KiB are read.
 *
 * The endpoint is not in a bounce, only its channel and often its address. Keep endpoints by their channel to find it:
 *
 * ```js
 * import { parseEndpoint } from 'mailpush/notify-spec';
 *
 * endpoints.set(parseEndpoint(endpoint).channel, endpoint);
 * // … later, for a mail from the mailbox of the sender:
 * for (const { channel, gone } of (await readBounce(mail)) ?? []) if (gone) forget(endpoints.get(channel));
 * ```
 *
 * Anybody can write such a mail who knows a channel, that is, whoever has seen one of its mails. To be sure of it, keep the
 * `messageId` of the last pushes too, and act on bounces that name one of them.
 */
export async function readBounce(rawMail: Uint8Array): Promise<readonly Bounce[] | undefined> {
  const report = await readReport(rawMail);
  if (report === undefined) return undefined;
  const { channel, messageId, recipients } = report;
  const bounces = recipients.flatMap((recipient): readonly Bounce[] => {
    const { address, diagnostic } = recipient;
    const status = statusOf(recipient);
    const action = actionOf(recipient, status);
    if (action === undefined) return [];
    const gone = action === 'failed' && status !== undefined && isMailboxGone(status);
    return [{ channel, messageId, address, action, status, gone, diagnostic }];
  });
  return bounces.length === 0 ? undefined : bounces;
}

/** Servers that write 5.0.0 for everything, as Exim does, have the real status in what the next server said. */
function statusOf({ status, diagnostic = '' }: ReportedRecipient): string | undefined {
  const told = statusPattern.exec(status);
  if (told !== null && !told[0].endsWith('.0.0')) return told[0];
  const said = statusInDiagnostic.exec(diagnostic)?.[1];
  const isOfItsClass = told === null || said?.startsWith(told[1] ?? '') === true;
  return said !== undefined && isOfItsClass ? said : told?.[0];
}

/** An action that is none is told from the class of the status (RFC 3463 §2). */
function actionOf({ action }: ReportedRecipient, status: string | undefined): BounceAction | undefined {
  if (actions.includes(action)) return action as BounceAction;
  if (status?.startsWith('5') === true) return 'failed';
  return status?.startsWith('4') === true ? 'delayed' : undefined;
}
