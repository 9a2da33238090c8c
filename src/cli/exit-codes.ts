import { MailpushError } from '../errors.js';

/** Exit codes of every command (sysexits.h). */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  /** EX_UNAVAILABLE */
  unavailable: 69,
  /** EX_NOPERM */
  loginRefused: 77,
  /** EX_CONFIG */
  badConfiguration: 78,
} as const;

const byCode: Readonly<Record<string, number>> = {
  ERR_USAGE: exitCodes.usage,
  ERR_ENDPOINT_INVALID: exitCodes.usage,
  ERR_OPTION_INVALID: exitCodes.usage,
  ERR_PAYLOAD_EMPTY: exitCodes.usage,
  ERR_PAYLOAD_TOO_LARGE: exitCodes.usage,
  ERR_KEY_INVALID: exitCodes.usage,
  ERR_KEY_LOCKED: exitCodes.usage,
  ERR_IMAP_LOGIN: exitCodes.loginRefused,
  ERR_SIEVE_LOGIN: exitCodes.loginRefused,
  ERR_SIEVE_CHANGED: exitCodes.failed,
  ERR_SMTP_LOGIN: exitCodes.loginRefused,
  ERR_ENDPOINT_GONE: exitCodes.unavailable,
  ERR_LISTEN_IN_USE: exitCodes.unavailable,
  ERR_PUSH_EXPIRED: exitCodes.unavailable,
  ERR_GATEWAY_UNAVAILABLE: exitCodes.unavailable,
  ERR_STORE_IN_USE: exitCodes.unavailable,
  ERR_DAEMON_ABSENT: exitCodes.unavailable,
  ERR_DAEMON_ANSWER: exitCodes.unavailable,
  ERR_DBUS_DAEMON_MISSING: exitCodes.unavailable,
  ERR_DEMO_PACKAGES: exitCodes.unavailable,
};

const byPrefix: readonly (readonly [string, number])[] = [
  ['ERR_CONFIG_', exitCodes.badConfiguration],
  ['ERR_SMTP_', exitCodes.unavailable],
  ['ERR_SIEVE_', exitCodes.unavailable],
  ['ERR_IMAP_', exitCodes.unavailable],
  ['ERR_BUS_', exitCodes.unavailable],
];

/** The exit code for what a command rejected with. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof MailpushError)) return exitCodes.failed;
  const { code } = error;
  return byCode[code] ?? byPrefix.find(([prefix]) => code.startsWith(prefix))?.[1] ?? exitCodes.failed;
}
