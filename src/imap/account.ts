/** How the connection to the mail server is protected. */
export type Security =
  /** TLS from the first byte (RFC 8314). */
  | 'tls'
  /** STARTTLS, required (RFC 9051 §6.2.1). */
  | 'starttls'
  /** None; only sensible to loopback. */
  | 'plain';

/** Proves to the mail server who we are: a password, or an OAuth 2 bearer token (RFC 7628). */
export type Credentials =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'token'; readonly token: string };

/** Everything that is needed to open a mailbox. */
export interface ImapAccount {
  readonly host: string;
  readonly port: number;
  readonly security: Security;
  readonly user: string;
  /** Asked anew at every login, so that a changed password or a fresh token is used. */
  readonly credentials: (signal: AbortSignal) => Promise<Credentials>;
  /** The folder in which pushes arrive, as the server names it. Default `INBOX`. */
  readonly folder: string;
  /** Certificates in PEM of a private authority, trusted instead of the system's. */
  readonly ca?: string;
}

/** Times and bounds of one connection; the defaults suit every provider known. */
export interface ImapTimes {
  /**
   * IDLE is ended and begun again after this time, which also proves the line alive. Default 9 minutes: RFC 2177 asks
   * for less than 29, and home routers forget quiet connections after 10 to 15. After the machine was asleep it is
   * renewed within half a minute.
   */
  readonly idleRestartMs: number;
  /**
   * How often the main folder is opened again while a server idles, to see what it did not announce and whether the folder
   * is still the same; also the proof that the line is alive. Default 2 minutes: the push that a server forgets is no
   * later than that, and a phone wakes no oftener than for the keep-alives of Dovecot or of TCP, which come every 2
   * minutes.
   */
  readonly checkMs: number;
  /**
   * The first check behind news is this soon: Dovecot and GreenMail forget to announce what comes in certain moments just
   * after IDLE has begun. Default 10 s, within which a phone's radio has not gone to rest.
   */
  readonly settleMs: number;
  /** A line on which nothing comes for this long after such a question is dead, and made anew. Default 20 s. */
  readonly checkAnswerMs: number;
  /**
   * How long a line is quiet before the kernel asks whether its other end is still there (TCP keep-alive); a second
   * without an answer ten times over ends the connection. Default 2 minutes: a network that was left is noticed soon,
   * and a phone can rest in between.
   */
  readonly keepAliveMs: number;
  /** How often a server without IDLE is asked for news. Default 60 s. */
  readonly pollMs: number;
  /**
   * The folder for spam is looked at after a start, and then with the first renewal of IDLE after this time. Default 15
   * minutes: a misfiled push is late anyway, and most of them live longer. Infinity: never.
   */
  readonly junkLookMs: number;
  /** The same for the INBOX when another folder is the main one. Default one hour: it is wrong if anything is there. */
  readonly inboxLookMs: number;
  /**
   * How often a server is asked whether the mailbox is full, when something else wakes us anyway. Default 15 minutes: only
   * `mailpush status` wants to know.
   */
  readonly roomMs: number;
  /** For the TCP and TLS handshakes together, and again for the greeting. Default 30 s. */
  readonly connectMs: number;
  /**
   * A server that says nothing for this long while a command runs is taken for dead, and so is one that needs ten times
   * as long for one command. Default 60 s. A login has to be finished after this and `connectMs` together.
   */
  readonly answerMs: number;
  /** The first pause before connecting again. Default 1 s; it doubles with every try that does not last `answerMs`. */
  readonly retryFirstMs: number;
  /** The longest pause before connecting again. Default 5 minutes. */
  readonly retryMaxMs: number;
  /**
   * The longest pause after a refused login, of which the first is up to `retryMaxMs`. Default 15 minutes: with five tries
   * in half an hour at most, no usual rule locks the account.
   */
  readonly refusedMaxMs: number;
  /** How often it is connected within a minute at most, whatever happens. Default 6. */
  readonly loginsPerMinute: number;
}

/** The default {@link ImapTimes}. */
export const defaultTimes: ImapTimes = {
  idleRestartMs: 9 * 60_000,
  checkMs: 2 * 60_000,
  settleMs: 10_000,
  checkAnswerMs: 20_000,
  keepAliveMs: 2 * 60_000,
  pollMs: 60_000,
  junkLookMs: 15 * 60_000,
  inboxLookMs: 60 * 60_000,
  roomMs: 15 * 60_000,
  connectMs: 30_000,
  answerMs: 60_000,
  retryFirstMs: 1_000,
  retryMaxMs: 5 * 60_000,
  refusedMaxMs: 15 * 60_000,
  loginsPerMinute: 6,
};
