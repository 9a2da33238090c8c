import { connect, type Socket } from 'node:net';

/** Where to connect to. */
export interface SocketTarget {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

const failures = new WeakSet<object>();

/** Whether this is what {@link openSmtpSocket} rejected with: nothing was said to the server. */
export function isNoConnection(error: unknown): boolean {
  return typeof error === 'object' && error !== null && failures.has(error);
}

/**
 * Opens a TCP connection without Nagle's algorithm: with it the last packet of every mail waits for the server's delayed
 * acknowledgement, some 40 ms. Rejects with the system's error, or with one of its kind after `timeoutMs`.
 */
export function openSmtpSocket({ host, port, timeoutMs }: SocketTarget): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const timer = setTimeout(() => socket.destroy(new Error('There was no connection in time.')), timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      failures.add(error);
      reject(error);
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}
