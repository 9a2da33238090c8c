import type { Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import { explainSmtpFailure } from './smtp-failure.js';
import { poolOptions } from './smtp-pool-options.js';
import type { SmtpSettings } from './smtp-settings.js';
import { openSmtpSocket } from './smtp-socket.js';

/** A mail and where it goes. */
export interface EnvelopedMail {
  readonly from: string;
  readonly to: string;
  readonly raw: Uint8Array;
}

/** Kept connections to one SMTP server. */
export interface SmtpTransport {
  /** Hands a mail over; resolves with the server's answer once it has taken it. Rejects with a `PushError`. */
  readonly deliver: (mail: EnvelopedMail) => Promise<string>;
  /** Closes all connections; a mail that is on its way is cut off. */
  readonly close: () => void;
}

/** Makes a pool of at most `connections` connections, opened when they are needed and used again. */
export function createSmtpTransport(settings: SmtpSettings, connections: number): SmtpTransport {
  const sockets = new Set<Socket>();
  const { host, port, connectionTimeoutMs: timeoutMs } = settings;
  let isClosed = false;
  const openSocket = async (): Promise<Socket> => {
    const socket = await openSmtpSocket({ host, port, timeoutMs });
    // The mail that asked for it was given up.
    if (isClosed) socket.destroy(new Error('The sender was closed before there was a connection.'));
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const pool = createTransport(poolOptions(settings, connections, openSocket));
  // Failures of idle connections are of no interest: the next mail opens a new one.
  pool.on('error', () => {});
  let underway = 0;
  return {
    deliver: async ({ from, to, raw }) => {
      underway += 1;
      try {
        const { response } = await pool.sendMail({ envelope: { from, to: [to] }, raw: Buffer.from(raw) });
        return response;
      } catch (cause) {
        throw explainSmtpFailure(cause);
      } finally {
        underway -= 1;
      }
    },
    close: () => {
      isClosed = true;
      pool.close();
      // The pool leaves connections open that are in use.
      if (underway > 0) for (const socket of sockets) socket.destroy();
    },
  };
}
