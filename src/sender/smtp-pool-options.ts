import type { Socket } from 'node:net';
import type { SMTPPoolOptions } from 'nodemailer';
import type { SmtpSettings } from './smtp-settings.js';

const maxResponseBytes = 65_536;

/** What nodemailer has to be told so that it does what `settings` say, on sockets that `openSocket` opens. */
export function poolOptions(
  settings: SmtpSettings,
  connections: number,
  openSocket: () => Promise<Socket>,
): SMTPPoolOptions & { pool: true } {
  const { host, port, security, auth, name, ca, servername, connectionTimeoutMs } = settings;
  return {
    pool: true,
    maxConnections: connections,
    // A mail whose connection was lost is tried again by the caller, with a pause.
    maxRequeues: 0,
    host,
    port,
    getSocket: (_options, callback) => {
      openSocket().then(
        (connection) => callback(null, { connection }),
        (error: Error) => callback(error),
      );
    },
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'plain',
    tls: {
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(servername === undefined ? {} : { servername }),
    },
    connectionTimeout: connectionTimeoutMs,
    greetingTimeout: settings.greetingTimeoutMs,
    socketTimeout: settings.socketTimeoutMs,
    maxResponseSize: maxResponseBytes,
    disableFileAccess: true,
    disableUrlAccess: true,
    name,
    // A server that does not offer a login that was asked for is an error, not a reason to go on without.
    ...(auth === undefined ? {} : { auth: { user: auth.user, pass: auth.pass }, forceAuth: true }),
  };
}
