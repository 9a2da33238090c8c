import type { ConnectionCounts } from './connection-meter.js';
import { loadDemoPackages } from './demo-packages.js';
import {
  type AppendOptions,
  type EmbeddedImap,
  type MailboxSnapshot,
  type MailUser,
  type OptionalCapability,
  startEmbeddedImap,
} from './embedded-imap.js';
import { type EmbeddedSmtp, startEmbeddedSmtp } from './embedded-smtp.js';

/** Settings of {@link startMailServer}. */
export interface MailServerOptions {
  /** Who has a mailbox: INBOX, Trash, Junk and Sent each. */
  readonly users: readonly MailUser[];
  /** Default: a free port. */
  readonly imapPort?: number;
  /** Default: a free port. */
  readonly smtpPort?: number;
  /** Whether SMTP takes mail only after a login. Default false; a login is offered either way. */
  readonly smtpLoginRequired?: boolean;
  /** Largest mail that SMTP takes, in bytes. Default 1 MiB. */
  readonly maxMailBytes?: number;
  /** IMAP capabilities to leave out. Default none. */
  readonly without?: readonly OptionalCapability[];
}

/** Where a server listens; plain text on the loopback interface. */
export interface MailServerPort {
  readonly host: '127.0.0.1';
  readonly port: number;
}

/** A small mail server inside this process; it forgets everything when it stops. */
export interface MailServer {
  readonly imap: MailServerPort;
  readonly smtp: MailServerPort;
  /**
   * Stores a message as it is, announces it, and returns its UID.
   * Throws ERR_DEMO_MAILBOX for an unknown user or folder.
   */
  append(address: string, folder: string, raw: Uint8Array, options?: AppendOptions): number;
  /** Makes a folder; `/` separates the levels. Throws ERR_DEMO_MAILBOX for an unknown user. */
  createFolder(address: string, path: string): void;
  /** A copy of all that a user has. Throws ERR_DEMO_MAILBOX for an unknown user. */
  snapshot(address: string): MailboxSnapshot;
  /** The IMAP connections of all users. */
  imapConnections(): ConnectionCounts;
  /** Cuts every connection and stops listening. */
  stop(): Promise<void>;
}

/** The mailbox that an address belongs to: lower case, and without a sub-address (`alice+push@…` is `alice@…`). */
function mailboxAddress(recipient: string): string {
  return recipient.toLowerCase().replace(/\+[^@]*@/, '@');
}

/**
 * Starts an IMAP and an SMTP server on free ports of 127.0.0.1. Mail that SMTP takes is stored byte for byte in the
 * INBOX of each recipient and announced to waiting IMAP connections at once; an unknown recipient is refused with
 * 550 5.1.1. A sub-address belongs to its user.
 *
 * Throws ERR_DEMO_PACKAGES where the optional packages `hoodiecrow-imap` and `smtp-server` are not installed.
 */
export async function startMailServer(options: MailServerOptions): Promise<MailServer> {
  const packages = await loadDemoPackages();
  const passwords = new Map(options.users.map((user) => [user.address.toLowerCase(), user.password]));
  const imap: EmbeddedImap = await startEmbeddedImap(packages.hoodiecrow, {
    users: options.users,
    ...(options.imapPort !== undefined && { port: options.imapPort }),
    ...(options.without && { without: options.without }),
  });
  let smtp: EmbeddedSmtp;
  try {
    smtp = await startEmbeddedSmtp(packages.smtpServer, {
      knows: (recipient) => passwords.has(mailboxAddress(recipient)),
      login: (user, password) => passwords.get(user.toLowerCase()) === password,
      loginRequired: options.smtpLoginRequired === true,
      deliver(mail) {
        for (const address of new Set(mail.recipients.map(mailboxAddress))) {
          imap.append(address, 'INBOX', mail.bytes);
        }
      },
      ...(options.smtpPort !== undefined && { port: options.smtpPort }),
      ...(options.maxMailBytes !== undefined && { maxMailBytes: options.maxMailBytes }),
    });
  } catch (error) {
    await imap.stop();
    throw error;
  }
  return {
    imap: { host: '127.0.0.1', port: imap.port },
    smtp: { host: '127.0.0.1', port: smtp.port },
    append: imap.append,
    createFolder: imap.createFolder,
    snapshot: imap.snapshot,
    imapConnections: imap.connections,
    async stop() {
      await Promise.all([imap.stop(), smtp.stop()]);
    },
  };
}
