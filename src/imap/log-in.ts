import type { Runtime } from '../runtime.js';
import { onAbort, unlessAborted } from './abort.js';
import type { ImapAccount, ImapTimes } from './account.js';
import { type Client, createClient, keepAlive } from './client.js';
import { connectError, loginTimeoutError } from './errors.js';

/**
 * Connects and logs in.
 *
 * Rejects with an {@link ImapError}: `ERR_IMAP_LOGIN`, `ERR_IMAP_UNREACHABLE` or `ERR_IMAP_TLS`; with whatever the
 * account's `credentials` reject with; with the signal's reason as soon as it is aborted. Nothing is left open then.
 */
export async function logIn(
  account: ImapAccount,
  times: ImapTimes,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<Client> {
  const client = createClient(account, times, await unlessAborted(account.credentials(signal), signal));
  const { flow } = client;
  const finished = new AbortController();
  const forget = onAbort(signal, () => flow.close());
  let late = false;
  // The library bounds the handshakes and the greeting, but no command that follows them.
  const deadline = runtime.sleep(times.connectMs + times.answerMs, finished.signal).then(
    () => {
      late = true;
      flow.close();
    },
    () => {},
  );
  try {
    await flow.connect();
    keepAlive(flow, times.keepAliveMs);
    return client;
  } catch (cause) {
    flow.close();
    signal.throwIfAborted();
    throw late ? loginTimeoutError(account.host) : connectError(cause, account.host);
  } finally {
    forget();
    finished.abort();
    await deadline;
  }
}
