import type { PrivateKey } from '../crypto/index.js';
import type { Runtime } from '../runtime.js';
import type { HandshakeMemory } from './handshake.js';

/** A login at an SMTP server. */
export interface SmtpAuth {
  readonly user: string;
  readonly pass: string;
}

/**
 * How to reach an SMTP server: the options of nodemailer that matter here, under their names there. Either `url` or
 * `host` is needed. Certificates are always verified.
 */
export interface SmtpOptions {
  /** `smtps://`, `smtp+starttls://` or `smtp://`, as {@link SenderOptions.smtp} takes it. */
  readonly url?: string;
  /** Host name or IP address. */
  readonly host?: string;
  /** Default 465 with `secure`, 25 for a plain connection to this machine, otherwise 587. */
  readonly port?: number;
  /** TLS from the first byte (RFC 8314 §3). Default true for port 465. */
  readonly secure?: boolean;
  /** STARTTLS (RFC 3207) or nothing. Default true, unless the server is on this machine. */
  readonly requireTLS?: boolean;
  /** Sends in the clear to another machine if it does not offer STARTTLS. Default false. */
  readonly insecure?: boolean;
  /** Default: user and password of `url`, if it has them. */
  readonly auth?: SmtpAuth;
  /** The name said in EHLO. Default: the name of this machine. */
  readonly name?: string;
  readonly tls?: {
    /** Certificate authorities in PEM, in place of the usual ones: for a private authority. */
    readonly ca?: string | readonly string[];
    /** The name that the certificate has to be for. Default `host`. */
    readonly servername?: string;
  };
  /** Milliseconds to wait for a connection. Default 15 000. */
  readonly connectionTimeout?: number;
  /** Milliseconds to wait for the greeting. Default 30 000. */
  readonly greetingTimeout?: number;
  /** Milliseconds without a sign of life after which a connection is given up, busy or idle. Default 120 000. */
  readonly socketTimeout?: number;
}

/** When a push is tried again. Each pause is varied by a half either way. */
export interface RetryOptions {
  /** Most further tries, 0 to 1000. Default: as many as the deadline leaves time for. */
  readonly most?: number;
  /** The first pause in milliseconds, up to an hour; each later one is twice as long. Default 1000. */
  readonly firstPauseMs?: number;
  /** The longest pause in milliseconds, up to an hour. Default 60 000. */
  readonly longestPauseMs?: number;
}

/**
 * How many mails go to one recipient domain. Besides, a domain whose server asks for less (a 421, 450, 451 or 452 with
 * 4.7.x, 4.3.1, 4.3.2 or 4.4.5) pauses with all its pushes, for 5 seconds and then ever longer up to 5 minutes, and begins
 * again with one mail at a time. Behind a mail server of one's own that server does all this: it takes every mail at once,
 * and none of this shows.
 */
export interface PacingOptions {
  /** Most mails in flight. Default: all `connections` but one, so that a slow domain leaves one to the others. */
  readonly perDomain?: number;
  /** Most mails begun within any minute, 1 to 10 000; further tries count. Default: no limit. */
  readonly perDomainPerMinute?: number;
}

/** Options of `createSender`. */
export interface SenderOptions {
  /**
   * The mail server that takes the pushes. As a URL: `smtps://user:password@host` (TLS, port 465),
   * `smtp+starttls://user:password@host` (STARTTLS required, port 587), or `smtp://host`, which is plain to this machine
   * and the same as `smtp+starttls://` to any other. User and password are percent-encoded.
   */
  readonly smtp: string | SmtpOptions;
  /** Address the pushes come from; the key has to be for it. */
  readonly from: string;
  /** The app server's private key, armored or parsed, without a passphrase. */
  readonly key: string | PrivateKey;
  /**
   * Remembers which channels have been sent the key, so that later pushes need not carry it: a 200-byte push is 1.7 kB
   * instead of 2.3. A `Map` will do for one process. `false`: no push carries the key, because devices have it from
   * elsewhere, as those behind a gateway do. Default: none, and every push carries the key.
   */
  readonly handshakes?: HandshakeMemory | false;
  /**
   * Fingerprint of the key that this sender will change to, 40 hexadecimal digits. Every push announces it, and only to an
   * announced key does a device let a sender change: announce it until all devices have had a push, 28 days at most, and
   * then make a sender with the new key. Default: none.
   */
  readonly next?: string;
  /** Connections to the SMTP server, and so pushes in flight. 1 to 100, default 5. */
  readonly connections?: number;
  /**
   * For how many milliseconds a push is tried, waiting for its turn included: up to a day, default 300 000, five minutes.
   * Whatever has to be tried for longer belongs into the queue of a mail server, or of the caller.
   */
  readonly deadlineMs?: number;
  /**
   * How a push is tried again that the server refused for now, or whose connection was lost. While there is no connection
   * at all, one push looks every ten seconds or less, and the others wait.
   */
  readonly retry?: RetryOptions;
  /** How many mails the domain of a recipient gets. */
  readonly pacing?: PacingOptions;
  /** Clock, random source and log; for tests. */
  readonly runtime?: Runtime;
}
