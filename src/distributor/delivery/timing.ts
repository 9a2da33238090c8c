/** A mail that could not be fetched is tried again after this time; a new connection tries it at once. */
export const reopenMs: number = 30_000;
/** Pauses between the tries of a push that its app refuses: 1, 2, 4 and 8 s. */
export const firstRefusalMs: number = 1_000;
/** After this many refusals a push is parked. */
export const maxRefusals: number = 5;
/** How often a parked push is tried. */
export const parkedRetryMs: number = 15 * 60_000;
/** The first pause when an app cannot be reached; it doubles up to `unreachableMaxMs`. */
export const unreachableFirstMs: number = 5_000;
export const unreachableMaxMs: number = 10 * 60_000;
/** Recording and removing are tried again after this time. */
export const settleRetryMs: number = 60_000;
/** So many pushes of a channel are kept opened in memory ahead of their delivery. */
export const openAhead: number = 8;

/** Clocks of sender and device may differ by this much. */
export const clockToleranceMs: number = 10 * 60_000;
/** A push with a TTL of 0 or a few seconds still gets this much time on its way through the mail. */
export const minLifeMs: number = 60_000;
/** An id is remembered for this long after the end of its push's TTL. */
export const rememberMs: number = 60 * 60_000;
