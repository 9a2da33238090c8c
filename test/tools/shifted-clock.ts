/** The environment of a Node process whose clock is so many milliseconds ahead; see `shift-clock.js`. */
export function shiftedClock(shiftMs: number): Readonly<Record<string, string>> {
  const module = new URL('./shift-clock.js', import.meta.url).href;
  return { NODE_OPTIONS: `--import ${module}`, MAILPUSH_CLOCK_SHIFT_MS: String(shiftMs) };
}
