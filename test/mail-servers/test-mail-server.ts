import type { ConnectionCounts } from '../../src/demo/connection-meter.js';
import type { AppendOptions, MailboxSnapshot } from '../../src/demo/embedded-imap.js';

export type { AppendOptions, ConnectionCounts, MailboxSnapshot };

/** What the server allows us to do with a push mail when its app has it, and with no other mail. */
export type HandledPushes =
  /** It is gone from every folder. */
  | { readonly kind: 'removed' }
  /** It is in this folder, which may not have been there before. */
  | { readonly kind: 'moved'; readonly folder: string }
  /** It is where it was, with these flags, sorted. */
  | { readonly kind: 'left'; readonly flags: readonly string[] };

/** A mail server with one user, the same to a test whatever runs behind it. */
export interface TestMailServer {
  /** Of the kind of server, such as `Dovecot`. */
  readonly name: string;
  /** The user's mail address; mail to it comes into INBOX. */
  readonly address: string;
  readonly imap: {
    readonly host: string;
    readonly port: number;
    readonly security: 'tls' | 'starttls' | 'plain';
    /** File with the authority of its certificate, in PEM. */
    readonly ca?: string;
    readonly user: string;
    readonly password: string;
    /** How often it is asked for news, in seconds, where it does not announce them. Default: whatever a client does. */
    readonly pollSeconds?: number;
  };
  /** What becomes of a push mail that its app has got; see {@link HandledPushes}. */
  readonly handled: HandledPushes;
  /** Plain SMTP without login; recipients other than the user are refused with 550 5.1.1. */
  readonly smtp: { readonly host: string; readonly port: number };
  /** Puts a message into a folder, as if it had come another way, and resolves with its UID. */
  append(folder: string, raw: Uint8Array, options?: AppendOptions): Promise<number>;
  /** The same for thousands of messages at once, quickly. */
  appendAll(folder: string, raws: readonly Uint8Array[], options?: AppendOptions): Promise<void>;
  createFolder(path: string): Promise<void>;
  /** Every folder with every message: UID, flags, internal date, bytes. Changes nothing; made to be compared. */
  snapshot(): Promise<MailboxSnapshot>;
  /** IMAP connections of clients, without those that this interface makes for itself. */
  connections(): ConnectionCounts;
  /** Cuts every IMAP connection, and each new one at once, until {@link resume}. */
  interrupt(): void;
  resume(): void;
  /** Ends the server with all its processes and removes its files. May be called twice. */
  stop(): Promise<void>;
}

/** A kind of mail server that the suites run on. */
export interface MailServerKind {
  readonly name: string;
  /** Whether it can be started on this machine. */
  readonly available: boolean;
  /** Why it cannot. */
  readonly reason?: string;
  /** What to run to have it. */
  readonly howToGet?: string;
  /** What of IMAP it has not, or not as it should be: capabilities, and `RFC822.SIZE`. Default: nothing. */
  readonly lacks?: readonly string[];
  /** Whether clients talk to it by TLS. Default false. */
  readonly encrypted?: boolean;
  /** Starts one of its own, apart from all others; resolves when IMAP and SMTP are ready. */
  start(): Promise<TestMailServer>;
}

/** The user that every test mail server has. */
export const testUser = { address: 'alice@example.org', password: 'correct horse' } as const;
