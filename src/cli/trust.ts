import { type TrustAnswer, tellTrust } from '../distributor/index.js';
import { isFingerprint } from '../notify-spec/index.js';
import { jsonText } from './json-text.js';
import { printable } from './printable.js';
import { UsageError } from './usage-error.js';

/** Options of `mailpush trust`. */
export interface TrustOptions {
  /** Let the first app server that pushes from now on be the only one. */
  readonly reset: boolean;
  readonly json: boolean;
}

function readFingerprint(text: string | undefined, reset: boolean): string {
  if ((text !== undefined) === reset) {
    throw new UsageError('Give either the fingerprint of the key that may push, or --reset.');
  }
  if (text === undefined) return '';
  // As GnuPG and others show it.
  const fingerprint = text.replace(/[\s:]/g, '').toLowerCase();
  if (!isFingerprint(fingerprint)) {
    throw new UsageError('A fingerprint has 40 hexadecimal digits: ask whoever runs the app server for it.');
  }
  return fingerprint;
}

function show({ changed }: TrustAnswer, fingerprint: string): string {
  const who = fingerprint === '' ? 'the first key that pushes from now on' : fingerprint;
  const lines = changed.map(({ service, channel }) => `${printable(service)} (${printable(channel)}): only ${who}.`);
  return ['Who may push is changed:', ...lines].join('\n');
}

/**
 * Sets who may push to an app, and gives what is to be printed. Rejects with `ERR_USAGE`, and as `tellTrust` does.
 *
 * @param app a bus name, or the short channel that `mailpush apps` shows.
 */
export async function trust(
  app: string,
  given: string | undefined,
  { reset, json }: TrustOptions,
  signal: AbortSignal,
): Promise<string> {
  const fingerprint = readFingerprint(given, reset);
  const answer = await tellTrust(app, fingerprint, signal);
  return json ? jsonText(answer) : show(answer, fingerprint);
}
