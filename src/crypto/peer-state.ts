import type { AutocryptHeader } from './autocrypt.js';

/** What is known of a peer by its Autocrypt headers (Autocrypt Level 1, "Peer State"); times in ms since 1970. */
export interface PeerState {
  /** The newest effective date of any of its mails. */
  readonly lastSeen: number;
  /** The newest effective date of a mail with a valid header; undefined as long as there was none. */
  readonly autocryptTimestamp: number | undefined;
  /** The key of that header, with the address it is for. */
  readonly header: AutocryptHeader | undefined;
}

/** One mail of a peer, as far as it concerns its state. */
export interface PeerMail {
  /** When the mail says that it was written. */
  readonly date: number;
  /** Its one valid Autocrypt header, see `chooseAutocrypt`. */
  readonly header: AutocryptHeader | undefined;
  /** Whether its From names exactly one address. */
  readonly hasOneFrom: boolean;
  /** Whether it is a `multipart/report`. */
  readonly isReport: boolean;
}

/**
 * The state of a peer after one more of its mails (Autocrypt Level 1, "Updating Autocrypt Peer State"). Mails may come in any order: the
 * header of an older one never replaces that of a newer one. A date in the future counts as now, so that nobody can make a
 * header that is never replaced.
 *
 * @param now in ms since 1970.
 */
export function updatePeerState(before: PeerState | undefined, mail: PeerMail, now: number): PeerState | undefined {
  if (mail.isReport || !mail.hasOneFrom) return before;
  const effectiveDate = Math.min(mail.date, now);
  const { lastSeen, autocryptTimestamp, header } = before ?? {
    lastSeen: effectiveDate,
    autocryptTimestamp: undefined,
    header: undefined,
  };
  if (autocryptTimestamp !== undefined && effectiveDate < autocryptTimestamp) return before;
  const seen = Math.max(lastSeen, effectiveDate);
  if (mail.header === undefined) return { lastSeen: seen, autocryptTimestamp, header };
  return { lastSeen: seen, autocryptTimestamp: effectiveDate, header: mail.header };
}
