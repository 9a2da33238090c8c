const two = (value: number): string => String(value).padStart(2, '0');

/** A time of day as this machine's clock shows it: `09:05:30`. */
export function showTimeOfDay(iso: string): string {
  const time = new Date(iso);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
}

/** A point in time as this machine's clock shows it, to the minute: `2026-11-21 09:05`. */
export function showTime(iso: string): string {
  const time = new Date(iso);
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}`;
}
