/** A channel like any other. */
export const channel = 'Q2hhbm5lbHMgYXJlIHJhbmRvbS4';

/** A line of header that names a channel. */
export function notify(of: string = channel): string {
  return `Email-Notify: v=1; c=${of}\r\n`;
}

/** An ordinary letter; `header` is put in as it is. */
export function letter(text: string, header = ''): Buffer {
  return Buffer.from(
    `From: bob@example.org\r\nTo: alice@example.org\r\nSubject: ${text}\r\n${header}\r\n${text} body\r\n`,
  );
}

/** A mail that looks like a push from outside. */
export function pushMail(text = 'push', of: string = channel): Buffer {
  return letter(text, notify(of));
}
