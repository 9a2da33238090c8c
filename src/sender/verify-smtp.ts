import type { Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import { explainSmtpFailure } from './smtp-failure.js';
import { poolOptions } from './smtp-pool-options.js';
import type { SmtpSettings } from './smtp-settings.js';
import { openSmtpSocket } from './smtp-socket.js';

/** How long the server may take over its goodbye, which says nothing about pushes. */
const goodbyeMs = 5000;

/**
 * Goes as far with a server as one can without a mail: greeting, EHLO, TLS, login, QUIT, on a connection of its own that is
 * closed when the promise settles, or when `signal` is aborted. Rejects with a `PushError` as a push would.
 */
export async function verifySmtp(settings: SmtpSettings, signal?: AbortSignal): Promise<void> {
  const { host, port, connectionTimeoutMs: timeoutMs } = settings;
  let socket: Socket | undefined;
  const cut = (): void => void socket?.destroy();
  const openSocket = async (): Promise<Socket> => {
    socket = await openSmtpSocket({ host, port, timeoutMs });
    if (signal?.aborted === true) cut();
    return socket;
  };
  const client = createTransport(poolOptions(settings, 1, openSocket));
  signal?.addEventListener('abort', cut, { once: true });
  try {
    await client.verify();
    if (socket !== undefined) await closed(socket);
  } catch (cause) {
    throw explainSmtpFailure(cause);
  } finally {
    signal?.removeEventListener('abort', cut);
    client.close();
    cut();
  }
}

async function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, goodbyeMs);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
