import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { SMTPServerDataStream } from 'smtp-server';
import { createConnectionMeter } from './connection-meter.js';

/** A mail that the SMTP server took from a client. */
export interface AcceptedMail {
  /** Envelope sender; empty for a bounce (RFC 5321 §4.5.5). */
  readonly from: string;
  /** Envelope recipients, at least one. */
  readonly recipients: readonly string[];
  /** The message as it was sent, without the dots that SMTP adds. */
  readonly bytes: Uint8Array;
}

/** An SMTP reply other than success, thrown by {@link EmbeddedSmtpOptions.deliver} to refuse a mail. */
export class SmtpRefusal extends Error {
  /** Read by smtp-server. */
  readonly responseCode: number;

  constructor(responseCode: number, text: string) {
    super(text);
    this.name = 'SmtpRefusal';
    this.responseCode = responseCode;
  }
}

/** Settings of {@link startEmbeddedSmtp}. */
export interface EmbeddedSmtpOptions {
  /** Whether there is a mailbox for this address; if not, the recipient is refused with 550 5.1.1. */
  readonly knows: (recipient: string) => boolean;
  /** Puts the mail into the mailboxes of its recipients; the client gets its 250 when this resolves. */
  readonly deliver: (mail: AcceptedMail) => Promise<void> | void;
  /** Checks a login. Default: no login is offered. */
  readonly login?: (user: string, password: string) => boolean;
  /** Whether mail is taken only after a login. Default false. */
  readonly loginRequired?: boolean;
  /** Largest mail in bytes; more is refused with 552 5.3.4. Default 1 MiB. */
  readonly maxMailBytes?: number;
  /** Default: a free one. */
  readonly port?: number;
}

/** A running SMTP server. */
export interface EmbeddedSmtp {
  readonly port: number;
  /** Cuts every connection and stops listening. */
  stop(): Promise<void>;
}

async function readMail(stream: SMTPServerDataStream, maxMailBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Read on to the end even when it is too much: SMTP has no way to stop a client in the middle of DATA.
    if (size <= maxMailBytes) {
      chunks.push(chunk);
    }
  }
  if (size > maxMailBytes) {
    throw new SmtpRefusal(552, `5.3.4 Mail is larger than ${maxMailBytes} bytes`);
  }
  return Buffer.concat(chunks);
}

/**
 * Starts a plain SMTP server on 127.0.0.1.
 *
 * @param module the `smtp-server` module
 */
export async function startEmbeddedSmtp(
  module: typeof import('smtp-server'),
  options: EmbeddedSmtpOptions,
): Promise<EmbeddedSmtp> {
  const maxMailBytes = options.maxMailBytes ?? 1_048_576;
  const server = new module.SMTPServer({
    name: 'localhost',
    banner: 'mailpush embedded mail server',
    logger: false,
    disableReverseLookup: true,
    disabledCommands: options.login === undefined ? ['STARTTLS', 'AUTH'] : ['STARTTLS'],
    allowInsecureAuth: true,
    authOptional: options.loginRequired !== true,
    size: maxMailBytes,
    onAuth(auth, _session, done) {
      const user = auth.username ?? '';
      if (options.login?.(user, auth.password ?? '') === true) {
        done(null, { user });
      } else {
        done(new SmtpRefusal(535, '5.7.8 Wrong user or password'));
      }
    },
    onRcptTo(recipient, _session, done) {
      if (options.knows(recipient.address)) {
        done();
      } else {
        done(new SmtpRefusal(550, `5.1.1 <${recipient.address}>: there is no such mailbox here`));
      }
    },
    onData(stream, session, done) {
      const { mailFrom, rcptTo } = session.envelope;
      const recipients = rcptTo.map((recipient) => recipient.address);
      readMail(stream, maxMailBytes)
        .then((bytes) => options.deliver({ from: mailFrom === false ? '' : mailFrom.address, recipients, bytes }))
        .then(
          () => done(null, '2.0.0 Delivered'),
          (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
        );
    },
  });
  // A client that goes away in the middle is no reason to end the process.
  server.on('error', () => {});
  const meter = createConnectionMeter();
  server.server.on('connection', (socket) => {
    socket.setNoDelay(true);
    meter.watch(socket);
  });
  const listener = server.listen(options.port ?? 0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    async stop() {
      const closed = once(listener, 'close');
      server.close();
      meter.cutAll();
      await closed;
    },
  };
}
