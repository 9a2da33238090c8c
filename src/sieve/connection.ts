import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Runtime } from '../runtime.js';
import type { SieveAccount, SieveTimes } from './account.js';
import { type Answer, readAnswer } from './answer.js';
import { protocolError, SieveError, said } from './errors.js';
import { createWireReader, type Line } from './wire-reader.js';

/** The most that may come in answer to one command: a script of the largest size, or the names of all scripts. */
const maxAnswerBytes = 2_097_152;
const maxAnswerLines = 2_000;

/** What a server has said to one command. */
export interface Reply {
  readonly lines: readonly Line[];
  readonly answer: Answer;
}

/** A connection that says one thing at a time and waits for the answer. */
export interface SieveConnection {
  /**
   * Sends bytes, if there are any, and waits for a line that `isLast` or that ends an answer.
   *
   * Rejects with `ERR_SIEVE_PROTOCOL`, or `ERR_SIEVE_UNREACHABLE` when the connection ends or the answer takes too long;
   * the connection is closed then.
   */
  ask(bytes: Uint8Array): Promise<Reply>;
  /** As {@link ask}, but a string alone in a line, which SASL asks for more with, comes back as undefined answer. */
  askOrChallenge(bytes: Uint8Array): Promise<Reply | undefined>;
  /** Makes the connection an encrypted one. Rejects with `ERR_SIEVE_TLS` or `ERR_SIEVE_UNREACHABLE`. */
  encrypt(): Promise<void>;
  close(): void;
}

const tlsFailure = /^(ERR_TLS_|ERR_SSL_|EPROTO|CERT_|CRL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_|INVALID_|PATH_)/;

function unreachable(host: string, why: string, cause?: unknown): SieveError {
  return new SieveError(
    'ERR_SIEVE_UNREACHABLE',
    `The ManageSieve server ${host} ${why}: check "sieve" in the configuration, or try again later.`,
    'transient',
    cause,
  );
}

/** Connects, without saying or hearing anything yet. Rejects with `ERR_SIEVE_UNREACHABLE` or the signal's reason. */
export async function connect(
  { host, port, ca }: Pick<SieveAccount, 'host' | 'port' | 'ca'>,
  times: SieveTimes,
  runtime: Pick<Runtime, 'sleep'>,
  signal: AbortSignal,
): Promise<SieveConnection> {
  signal.throwIfAborted();
  let socket: Socket = connectTcp({ host, port });
  let reader = createWireReader();
  let failure: unknown;
  let arrived: Line[] = [];
  let bytesOfAnswer = 0;
  let linesOfAnswer = 0;
  let wake = (): void => {};

  const fail = (error: unknown): void => {
    failure ??= error;
    socket.destroy();
    wake();
  };
  const abort = (): void => fail(signal.reason);
  signal.addEventListener('abort', abort, { once: true });

  function take(bytes: Buffer): void {
    if (failure !== undefined) return;
    try {
      const lines = reader.push(bytes);
      bytesOfAnswer += bytes.length;
      linesOfAnswer += lines.length;
      if (bytesOfAnswer > maxAnswerBytes || linesOfAnswer > maxAnswerLines)
        throw protocolError('does not stop talking');
      arrived.push(...lines);
      wake();
    } catch (error) {
      fail(error);
    }
  }

  const ended = (): void => fail(unreachable(host, 'has closed the connection'));
  function listen(): void {
    socket.on('data', take);
    socket.on('error', (cause: NodeJS.ErrnoException) =>
      fail(unreachable(host, `cannot be reached (${cause.code ?? 'no reason given'})`, cause)),
    );
    socket.on('close', ended);
  }

  /** Resolves when `isDone`; rejects with what has failed, or after `ms`. */
  async function until(isDone: () => boolean, ms: number): Promise<void> {
    const finished = new AbortController();
    const late = runtime.sleep(ms, finished.signal).then(
      () => fail(unreachable(host, 'does not answer in time')),
      () => {},
    );
    try {
      while (failure === undefined && !isDone()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (failure !== undefined) throw failure;
    } finally {
      finished.abort();
      await late;
    }
  }

  async function reply(bytes: Uint8Array, takesChallenge: boolean): Promise<Reply | undefined> {
    bytesOfAnswer = 0;
    linesOfAnswer = 0;
    if (failure === undefined && bytes.length > 0) socket.write(bytes);
    const lines: Line[] = [];
    let answer: Answer | undefined;
    try {
      await until(() => {
        while (answer === undefined && arrived.length > 0) {
          const line = arrived.shift() ?? [];
          answer = readAnswer(line);
          if (answer === undefined) lines.push(line);
          if (answer === undefined && takesChallenge) return true;
        }
        return answer !== undefined;
      }, times.answerMs);
    } catch (error) {
      fail(error);
      throw failure;
    }
    if (answer?.status === 'BYE') {
      const elsewhere = answer.code === 'REFERRAL' ? ' and names another server' : '';
      fail(unreachable(host, `says goodbye${elsewhere}${said(answer.codeString ?? answer.text)}`));
      throw failure;
    }
    return answer === undefined ? undefined : { lines, answer };
  }

  listen();
  let isConnected = false;
  socket.once('connect', () => {
    socket.setNoDelay(true);
    isConnected = true;
    wake();
  });
  await until(() => isConnected, times.connectMs);

  return {
    ask: async (bytes) => (await reply(bytes, false)) as Reply,
    askOrChallenge: (bytes) => reply(bytes, true),
    encrypt: async () => {
      // What came in plain text behind the answer to STARTTLS could be anybody's (RFC 5804 §2.2).
      if (arrived.length > 0 || reader.isWithinLine) {
        fail(
          new SieveError('ERR_SIEVE_TLS', `${host} says more than it may before TLS begins: do not trust this line.`),
        );
        throw failure;
      }
      const plain = socket.removeAllListeners().on('error', () => {});
      const tls = connectTls({
        socket: plain,
        minVersion: 'TLSv1.2',
        ...(isIP(host) === 0 ? { servername: host } : {}),
        host,
        ...(ca === undefined ? {} : { ca }),
      });
      socket = tls;
      reader = createWireReader();
      arrived = [];
      let isSecure = false;
      tls.once('secureConnect', () => {
        isSecure = true;
        wake();
      });
      tls.on('error', (cause: NodeJS.ErrnoException) => {
        const code = cause.code ?? '';
        if (!isSecure && tlsFailure.test(code)) {
          const advice = 'check the host in "sieve", or set ca_file if the server has a private certificate authority';
          fail(
            new SieveError(
              'ERR_SIEVE_TLS',
              `The TLS connection to ${host} cannot be trusted (${code}): ${advice}.`,
              'action-required',
              cause,
            ),
          );
        }
      });
      listen();
      await until(() => isSecure, times.connectMs);
    },
    close: () => {
      signal.removeEventListener('abort', abort);
      failure ??= unreachable(host, 'is not connected any more');
      socket.destroy();
    },
  };
}
