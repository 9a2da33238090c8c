import { ImapFlow } from 'imapflow';
import type { Credentials, ImapAccount, ImapTimes } from './account.js';
import { guardWire } from './wire-guard.js';

/** The largest literal, and the longest line, that is taken from a server; more ends the connection. */
const maxLiteralBytes = 1_048_576;

/** A client of the library, with what it last complained about. */
export interface Client {
  readonly flow: ImapFlow;
  /** Why the connection ended, as far as it is known. */
  readonly failure: () => unknown;
}

/** Makes a client that is bounded in all it reads and guarded in all it sends. Nothing is connected yet. */
export function createClient(account: ImapAccount, times: ImapTimes, credentials: Credentials): Client {
  const { host, port, security, user, ca } = account;
  const flow = new ImapFlow({
    host,
    port,
    secure: security === 'tls',
    ...(security === 'tls' ? {} : { doSTARTTLS: security === 'starttls' }),
    auth: {
      user,
      ...(credentials.kind === 'token' ? { accessToken: credentials.token } : { pass: credentials.password }),
    },
    tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
    clientInfo: { name: 'mailpush', version: '', vendor: '', 'support-url': '' },
    logger: false,
    // Its automatic IDLE begins 15 s after a command; ours begins at once.
    disableAutoIdle: true,
    disableIMAP4rev2: true,
    // CONDSTORE would add MODSEQ to every look, and nothing here needs it.
    disableAutoEnable: true,
    connectionTimeout: times.connectMs,
    greetingTimeout: times.connectMs,
    // Deadlines are per command; this one must only never fire before an IDLE is renewed.
    socketTimeout: Math.max(times.idleRestartMs, times.pollMs) + 2 * times.answerMs,
    maxLiteralSize: maxLiteralBytes,
    maxLineLength: maxLiteralBytes,
    maxResponseSize: 2 * maxLiteralBytes,
  });
  guardWire(flow);
  let failure: unknown;
  // Unheard, an 'error' event would end the process.
  flow.on('error', (error: Error) => {
    failure ??= error;
  });
  return { flow, failure: () => failure ?? flow.byeReason };
}

/** Whether a folder is open and commands have a meaning. */
export function isSelected(flow: ImapFlow): boolean {
  return isLoggedIn(flow) && flow.state === flow.states.SELECTED && flow.mailbox !== false;
}

/** Whether the server takes commands; not any more after its BYE. */
export function isLoggedIn(flow: ImapFlow): boolean {
  return flow.usable && !flow.isClosed && flow.state !== flow.states.LOGOUT;
}

/** The socket that carries the session; the library's type declarations leave it out. */
interface Carrier {
  readonly socket?: { setKeepAlive?: (enable: boolean, initialDelay: number) => unknown };
}

/** Asks the other end for a sign of life after `ms` of silence. The library does so every 5 s, so that no radio can rest. */
export function keepAlive(flow: ImapFlow, ms: number): void {
  (flow as Carrier).socket?.setKeepAlive?.(true, ms);
}
