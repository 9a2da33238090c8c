/** Proves to the server who we are: a password, or an OAuth 2 access token. */
export type SieveCredentials =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'token'; readonly token: string };

/** Everything that is needed to reach a user's Sieve scripts. */
export interface SieveAccount {
  readonly host: string;
  readonly port: number;
  /**
   * Whether nothing may be told before STARTTLS. If not, STARTTLS is used all the same where the server offers it; never
   * is there a way back to plain text after it has failed.
   */
  readonly mustEncrypt: boolean;
  readonly user: string;
  readonly credentials: (signal: AbortSignal) => Promise<SieveCredentials>;
  /** Certificates in PEM of a private authority, trusted instead of the system's. */
  readonly ca?: string;
}

/** Bounds of one connection. */
export interface SieveTimes {
  /** For the connection, and again for TLS. Default 30 s. */
  readonly connectMs: number;
  /** For the whole answer to a command, and for the greeting. Default 60 s. */
  readonly answerMs: number;
}

/** The default {@link SieveTimes}. */
export const defaultTimes: SieveTimes = { connectMs: 30_000, answerMs: 60_000 };
