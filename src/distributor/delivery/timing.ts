import type { Limit } from './allowance.js';

/** A mail that could not be fetched is tried again after this time; a new connection tries it at once. */
export const reopenMs: number = 30_000;
/** While the mail server says no to a mail, the pauses between the tries grow from the usual one up to this. */
export const refusedPauseMaxMs: number = 60 * 60_000;
/** After so many noes in a row to open it, a mail holds up those behind it no longer. */
export const asideFailures: number = 3;
/** After so many in a row, about a day, a mail is let go of and stays in the mailbox. */
export const maxFailures: number = 30;
/** Pauses between the tries of a push that its app refuses: 1, 2, 4 and 8 s. */
export const firstRefusalMs: number = 1_000;
/** After this many refusals a push is parked. */
export const maxRefusals: number = 5;
/** How often a parked push is tried. */
export const parkedRetryMs: number = 15 * 60_000;
/** The first pause when an app cannot be reached; it doubles up to `unreachableMaxMs`. */
export const unreachableFirstMs: number = 5_000;
export const unreachableMaxMs: number = 10 * 60_000;
/** What the disk did not take is written again after this time: the next push of the channel waits for it. */
export const recordRetryMs: number = 10_000;
/** Removing is tried again after this time. */
export const settleRetryMs: number = 60_000;
/**
 * So many pushes of a channel are opened before the first of them is delivered, so that one which a later one of its topic
 * replaces is not delivered first. More would be superseded more often, but keep the first one waiting for longer: to fetch
 * and decrypt 32 takes well under a second.
 */
export const batchPushes: number = 32;
/** No more are opened ahead when their payloads take so much memory: a thousand apps may be catching up at once. */
export const batchBytes: number = 32 * 1024;

/** A push that is held is delivered this long before its TTL ends, or after half of a shorter one: late, but not lost. */
export const holdMarginMs: number = 5 * 60_000;

/** So many pushes of a channel may stand aside; those beyond are opened anew when there is room again or they are due. */
export const maxAside: number = 250;

/**
 * So many pushes a channel may deliver; those beyond are delayed in the mailbox. A weekend of a busy chat comes at full speed,
 * and whoever has gone wild, or was taken over, wakes the device every 12 s at most. By it the ids that are remembered are
 * bounded: 204 000 for a channel in the 28 days of the longest TTL, some 25 MB on disk.
 */
export const pushLimit: Limit = { atOnce: 2000, perHour: 300 };
/** A delayed push whose TTL ends soon is delivered nevertheless, as long as there are no more than these. */
export const lastPushLimit: Limit = { ...pushLimit, atOnce: pushLimit.atOnce + 500 };
/**
 * So many mails of a channel may be opened in vain. Everybody can make one that names a channel, and each costs up to 64 KiB of
 * traffic: no more than 64 MB at once and 46 MB an hour. After that the channel is besieged, see `ChannelState`.
 */
export const vainLimit: Limit = { atOnce: 1000, perHour: 720 };

/** Clocks of sender and device may differ by this much. */
export const clockToleranceMs: number = 10 * 60_000;
/**
 * A push from further ahead than that is refused. From less far it waits: rather is our clock behind, as it is on a device
 * without a battery for it until the network has told the time.
 */
export const maxEarlyMs: number = 28 * 24 * 60 * 60_000;
/** A push with a TTL of 0 or a few seconds still gets this much time on its way through the mail. */
export const minLifeMs: number = 60_000;
/** An id is remembered for this long after the end of its push's TTL. */
export const rememberMs: number = 60 * 60_000;
