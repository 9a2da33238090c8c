/** Every bound of Email-Notify 1, in one place. What exceeds one is refused, unless it is said to be capped. */
export const limits = {
  /** Largest payload of a push; the smallest is one byte. What every Web Push service takes (RFC 8030 §7.2). */
  payloadBytes: 4096,
  /** Longest Email-Notify value once unfolded: one line of a mail (RFC 5322 §2.1.1). */
  headerBytes: 998,
  /** Longest time to live, 28 days; more is capped. */
  maxTtlSeconds: 2_419_200,
  /** Latest push time: the end of the year 9999, the last that a mail date can tell. */
  maxTimestamp: 253_402_300_799,
  /** Random bytes of a channel. */
  channelBytes: 20,
  /** Longest topic (RFC 8030 §5.4). */
  topicChars: 32,
  /** Longest push id. */
  pushIdChars: 64,
  /** Longest name of a content coding. */
  contentCodingChars: 32,
  /** Longest `mailto:` endpoint. */
  endpointBytes: 1000,
  /** Longest address: a path of 256 bytes less its angle brackets (RFC 5321 §4.5.3.1.3). */
  addressChars: 254,
  /** Longest local part of an address (RFC 5321 §4.5.3.1.1). */
  localPartChars: 64,
  /** Longest Message-ID with its angle brackets. */
  messageIdChars: 250,
  /** Longest Autocrypt value (Autocrypt Level 1 §2.1). */
  autocryptBytes: 10_240,
  /** Largest header of an inner entity. */
  innerHeaderBytes: 8192,
  /** Most header fields of an inner entity. */
  innerHeaderFields: 32,
  /** Largest push mail that is read: nine times what a full one needs, to leave room for trace headers. */
  mailBytes: 65_536,
  /** Largest header of a push mail, or of one of its parts, that is read. */
  mailHeaderBytes: 32_768,
  /** Most MIME entities, the mail itself among them, that are read. It bounds the nesting too. Each wrapped mail has as many. */
  mailParts: 32,
  /** How many message/rfc822 parts deep an armored message is looked for. */
  mailWrappings: 4,
} as const;
