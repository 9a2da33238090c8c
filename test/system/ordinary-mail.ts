import type { MailboxSnapshot, TestMailServer } from '../mail-servers/index.js';

/** What a user's mailbox may hold, the awkward included: every flag, 8-bit, bare lines, no header at all, marked as deleted. */
const letters: readonly { readonly raw: string; readonly flags: readonly string[]; readonly date: string }[] = [
  {
    raw: 'From: bob@example.org\r\nSubject: Lunch\r\n\r\nThe usual place?\r\n',
    flags: [],
    date: '2026-10-01T10:00:00Z',
  },
  {
    raw: 'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n',
    flags: ['\\Seen'],
    date: '2020-02-29T23:59:59Z',
  },
  { raw: 'Subject: deleted, not expunged\r\n\r\nStill mine.\r\n', flags: ['\\Deleted'], date: '2026-09-01T00:00:00Z' },
  {
    raw: 'Subject: all\r\n\r\n.\r\n',
    flags: ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'],
    date: '2001-01-01T00:00:00Z',
  },
  { raw: '\r\nno header at all\r\n', flags: ['\\Flagged'], date: '2026-10-02T00:00:00Z' },
  // A header is forged in a second: no channel, a malformed channel, somebody else's channel.
  { raw: 'Email-Notify: lunch at noon\r\nSubject: x\r\n\r\nx\r\n', flags: [], date: '2026-10-03T00:00:00Z' },
  { raw: 'Email-Notify: v=1; c=AAAA\r\nSubject: x\r\n\r\nx\r\n', flags: ['\\Deleted'], date: '2026-10-03T00:00:01Z' },
  {
    raw: `Email-Notify: v=1; c=${'A'.repeat(27)}\r\nSubject: x\r\n\r\nx\r\n`,
    flags: ['\\Seen'],
    date: '2026-10-03T00:00:02Z',
  },
];

/** Puts ordinary mail into INBOX, Trash and a folder of the user's own. */
export async function fillMailbox(server: TestMailServer): Promise<void> {
  await server.createFolder('Work');
  for (const folder of ['INBOX', 'Trash', 'Work']) {
    for (const { raw, flags, date } of letters) {
      await server.append(folder, Buffer.from(raw, 'latin1'), { flags, date: new Date(date) });
    }
  }
}

/** How many letters {@link fillMailbox} has put into each folder. */
export const lettersPerFolder: number = letters.length;

/** A message as {@link snapshot} shows it. */
export interface Letter {
  readonly uid: number;
  readonly flags: string;
  readonly date: string;
  /** Bytes as latin1. */
  readonly raw: string;
}

/** Every folder with its messages, in a form that `toEqual` compares quickly and shows readably. */
export async function snapshot(server: TestMailServer): Promise<Record<string, Letter[]>> {
  const folders: MailboxSnapshot = await server.snapshot();
  return Object.fromEntries(
    Object.entries(folders).map(([folder, messages]) => [
      folder,
      messages.map(({ uid, flags, internalDate, bytes }) => ({
        uid,
        flags: flags.join(' '),
        date: internalDate.toISOString(),
        raw: Buffer.from(bytes).toString('latin1'),
      })),
    ]),
  );
}

/** Whether it is a push mail, by its outer headers. */
export const isPushMail = ({ raw }: Letter): boolean =>
  /^Email-Notify: v=1; c=/m.test(raw) && /^Content-Type: multipart\/encrypted/im.test(raw);

/**
 * The mailbox as {@link snapshot} shows it, without those push mails that the server does not let us remove and that are
 * where, and as, they should be then; and how many these are.
 */
export async function snapshotApartFromHandled(
  server: TestMailServer,
): Promise<{ readonly mailbox: Record<string, Letter[]>; readonly handled: number }> {
  const { handled } = server;
  const mailbox = await snapshot(server);
  if (handled.kind === 'removed') return { mailbox, handled: 0 };
  const folder = handled.kind === 'moved' ? handled.folder : 'INBOX';
  const letters = mailbox[folder] ?? [];
  const kept = letters.filter(
    (each) => !isPushMail(each) || (handled.kind === 'left' && each.flags !== handled.flags.join(' ')),
  );
  const { [folder]: _, ...others } = mailbox;
  // The folder may have been made for this.
  const apart = kept.length === 0 ? others : { ...others, [folder]: kept };
  return { mailbox: apart, handled: letters.length - kept.length };
}
