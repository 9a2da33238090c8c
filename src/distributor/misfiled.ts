import type { MailboxEvent, MessageRef } from '../imap/index.js';
import type { Log } from '../runtime.js';
import type { Health } from './health.js';

/** What {@link Misfiled} is made from. */
export interface MisfiledOptions {
  /** The folder in which pushes should arrive. */
  readonly folder: string;
  readonly health: Pick<Health, 'trouble'>;
  readonly log: Log;
}

/** Sees that pushes arrive in a folder where they do not belong: in the INBOX beside a folder of our own, or as spam. */
export interface Misfiled {
  /** A push that has decrypted with our key was found there. */
  opened(message: MessageRef): void;
  /** Takes in what happens in the mailbox. */
  mailbox(event: MailboxEvent): void;
}

/** A folder in which pushes were found that do not belong there. */
interface Astray {
  /** The last one, so that one that waits there is not counted again. */
  readonly last: MessageRef;
  /** Since then one has come the right way. */
  isFiledAgain: boolean;
  isOver: boolean;
}

const isInbox = (folder: string): boolean => folder.toUpperCase() === 'INBOX';

/**
 * Makes it. Only what has decrypted counts: anybody can write a header. The trouble is over when a push has come into the
 * main folder since, and a later look finds no other one astray.
 */
export function createMisfiled({ folder: main, health, log }: MisfiledOptions): Misfiled {
  const folders = new Map<string, Astray>();
  const isMain = (folder: string): boolean => folder === main || (isInbox(folder) && isInbox(main));

  function tell(folder: string): void {
    if (isInbox(folder)) {
      health.trouble(
        'filing',
        `Push mail arrives in INBOX although "folder" is "${main}": the filing rule of the mail server is gone or was replaced, so install it again with "mailpush filing --install", or set folder = "INBOX".`,
      );
      log.warn({ event: 'filing.broken' }, 'A push came into INBOX and not into the folder for pushes.');
    } else {
      health.trouble(
        'spam',
        `The mail server takes push mail for spam, where it is looked for only now and then: mark what is in "${folder}" as no spam, or let mail with an Email-Notify header through by a rule of the mail server.`,
      );
      log.info({ event: 'push.spam' }, 'A push was in the folder for spam.');
    }
  }

  return {
    opened: (message) => {
      if (isMain(message.folder)) {
        for (const astray of folders.values()) astray.isFiledAgain = true;
        return;
      }
      const last = folders.get(message.folder)?.last;
      if (last?.uidValidity === message.uidValidity && message.uid <= last.uid) return;
      folders.set(message.folder, { last: message, isFiledAgain: false, isOver: false });
      tell(message.folder);
    },
    mailbox: (event) => {
      if (event.type !== 'looked' || event.found.length > 0) return;
      const astray = folders.get(event.folder);
      if (astray === undefined || astray.isOver || !astray.isFiledAgain) return;
      astray.isOver = true;
      health.trouble(isInbox(event.folder) ? 'filing' : 'spam', undefined);
    },
  };
}
