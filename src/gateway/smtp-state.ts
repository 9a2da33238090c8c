import { MailpushError } from '../errors.js';
import type { Runtime } from '../runtime.js';
import type { PushErrorCode } from '../sender/index.js';
import type { ServerHealth } from './parts.js';

/** What is known of the SMTP server from what became of mails, and from asking it. */
export interface SmtpState {
  /** The server took a mail, or an answer showed that it would. */
  readonly good: () => void;
  /** What a mail failed with. */
  readonly failed: (error: unknown) => void;
  /** What asking the server failed with. */
  readonly down: (error: unknown) => void;
  readonly now: () => ServerHealth;
  /** Milliseconds since anything was heard; Infinity if nothing ever was. */
  readonly quietMs: () => number;
}

/** Says nothing about the next push: it was about one mail, or was our own doing. */
const tellsNothing: ReadonlySet<string> = new Set<PushErrorCode>([
  'ERR_SMTP_BUSY',
  'ERR_PUSH_EXPIRED',
  'ERR_ABORTED',
  'ERR_SENDER_BUSY',
  'ERR_SENDER_CLOSED',
  'ERR_OPTION_INVALID',
  'ERR_ENDPOINT_INVALID',
  'ERR_PAYLOAD_EMPTY',
  'ERR_PAYLOAD_TOO_LARGE',
  'ERR_KEY_UNUSABLE',
]);

/** The server answered, and would take another mail. */
const isAnswer: ReadonlySet<string> = new Set<PushErrorCode>(['ERR_SMTP_REFUSED', 'ERR_ENDPOINT_GONE']);

/** Makes it, with nothing known. Tells `changed` when the state is another. */
export function createSmtpState(
  runtime: Pick<Runtime, 'now' | 'monotonicMs'>,
  changed: (state: ServerHealth['state'], error: unknown) => void = () => {},
): SmtpState {
  const seconds = (): number => Math.floor(runtime.now() / 1000);
  let known: ServerHealth = { state: 'unknown', since: seconds() };
  let heardMs = Number.NEGATIVE_INFINITY;

  function heard(state: 'ok' | 'failing', error?: unknown): void {
    heardMs = runtime.monotonicMs();
    if (state === known.state) return;
    known = { state, since: seconds() };
    changed(state, error);
  }

  return {
    good: () => heard('ok'),
    failed: (error) => {
      const code = error instanceof MailpushError ? error.code : '';
      if (isAnswer.has(code)) heard('ok');
      else if (!tellsNothing.has(code)) heard('failing', error);
    },
    down: (error) => heard('failing', error),
    now: () => known,
    quietMs: () => runtime.monotonicMs() - heardMs,
  };
}
