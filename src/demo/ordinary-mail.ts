/** A letter that has nothing to do with push. */
export interface OrdinaryMail {
  readonly raw: Uint8Array;
  readonly flags: readonly string[];
  readonly date: Date;
}

function letter(from: string, subject: string, date: string, text: string, flags: readonly string[]): OrdinaryMail {
  const lines = [`From: ${from}`, 'To: alice@example.org', `Subject: ${subject}`, `Date: ${date}`, '', text, ''];
  return { raw: Buffer.from(lines.join('\r\n')), flags, date: new Date(date) };
}

/** What is in a user's mailbox: read, unread, flagged, and one that is marked as deleted but still there. */
export const ordinaryMail: readonly OrdinaryMail[] = [
  letter('bob@example.org', 'Lunch on Friday?', 'Mon, 02 Nov 2026 09:12:00 +0000', 'The usual place?', []),
  letter('shop@example.com', 'Your invoice', 'Tue, 03 Nov 2026 17:40:00 +0000', 'Thank you.', ['\\Seen', '\\Flagged']),
  letter('bob@example.org', 'Old news', 'Wed, 04 Nov 2026 08:00:00 +0000', 'Never mind.', ['\\Seen', '\\Deleted']),
];
