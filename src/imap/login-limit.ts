/** The window that slides over the logins. */
const windowMs = 60_000;

/**
 * How long to wait until there are fewer than `perMinute` logins in the minute before.
 *
 * @param logins when they were begun, the oldest first, on the clock that `now` is of, in milliseconds.
 */
export function loginDelayMs(logins: readonly number[], perMinute: number, now: number): number {
  const last = logins.at(-perMinute);
  return last === undefined ? 0 : Math.max(0, last + windowMs - now);
}

/** The same logins and one that begins now; those that are no longer of importance are forgotten. */
export function withLogin(logins: readonly number[], now: number): readonly number[] {
  return [...logins.filter((at) => at > now - windowMs), now];
}
