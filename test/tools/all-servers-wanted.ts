/** Whether `MAILPUSH_TEST_SERVERS=all` makes a missing server a failure. */
export function allServersWanted(): boolean {
  return process.env.MAILPUSH_TEST_SERVERS === 'all';
}
