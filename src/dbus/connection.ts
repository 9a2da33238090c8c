import { createConnection, type Socket } from 'node:net';
import type { SocketAddress } from './address.js';
import { Authentication } from './authentication.js';
import { BusError } from './errors.js';
import { type Frame, FrameReader } from './frame-reader.js';

/** A socket to a bus that has let us in: messages in, messages out. */
export interface Connection {
  /** Resolves when the socket is closed, for whatever reason; never rejects. */
  readonly closed: Promise<void>;
  /** Calls `listener` for each message; may be given once, right after connecting. */
  receive(listener: (frame: Frame) => void): void;
  /** Sends bytes; false when the connection has ended. */
  send(bytes: Buffer): boolean;
  /** Sends what is left and ends the connection. */
  end(): void;
}

const maxFrame = { headerBytes: 65_536, bodyBytes: 1_048_576 } as const;
/** More than this unread by the bus means that it hangs. */
const maxUnsentBytes = 8_388_608;
/** What the bus has not taken by then is lost: enough for a few kilobytes to a local process. */
const endGraceMs = 1000;

/**
 * Connects to the first of the addresses that answers and authenticates.
 *
 * Rejects with {@link BusError} `ERR_BUS_CONNECT` when no socket can be opened, `ERR_BUS_AUTH` when the bus refuses us, and
 * with the signal's reason when it is aborted.
 */
export async function openConnection(addresses: readonly SocketAddress[], signal: AbortSignal): Promise<Connection> {
  let failure: unknown;
  for (const address of addresses) {
    signal.throwIfAborted();
    try {
      return await openOne(address, signal);
    } catch (error) {
      failure = error;
    }
  }
  signal.throwIfAborted();
  throw failure;
}

function openOne(address: SocketAddress, signal: AbortSignal): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: address.path });
    const authentication = new Authentication(process.getuid?.() ?? 0);
    const abort = (): void => fail(signal.reason);
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      try {
        const step = authentication.push(chunk);
        if (!step.done) return;
        if (address.guid !== undefined && address.guid.toLowerCase() !== step.guid) throw notReached(undefined);
        signal.removeEventListener('abort', abort);
        socket.removeListener('data', onData);
        socket.pause();
        socket.write(authentication.closing);
        resolve(wrap(socket, step.rest));
      } catch (error) {
        fail(error);
      }
    };
    signal.addEventListener('abort', abort, { once: true });
    // An `error` event that nobody hears ends the process, so this listener stays.
    socket.on('error', (cause) => fail(notReached(cause)));
    socket.on('close', () => fail(notReached(undefined)));
    socket.on('data', onData);
    socket.write(authentication.opening);
  });
}

function notReached(cause: unknown): BusError {
  return new BusError('ERR_BUS_CONNECT', 'No D-Bus daemon answers at its address; check that it runs.', {
    cause,
    disposition: 'transient',
  });
}

function wrap(socket: Socket, rest: Buffer): Connection {
  const reader = new FrameReader(maxFrame);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  // The stream itself would wait for pending writes before it closes, which a dead bus never takes.
  socket.on('end', () => socket.destroy());
  return {
    closed,
    receive: (listener) => {
      const onData = (chunk: Buffer): void => {
        try {
          for (const frame of reader.push(chunk)) listener(frame);
        } catch {
          // Not D-Bus: where the next message begins is not known any more.
          socket.destroy();
        }
      };
      socket.on('data', onData);
      if (rest.length > 0) onData(rest);
      socket.resume();
    },
    send: (bytes) => {
      if (!socket.writable) return false;
      socket.write(bytes);
      if (socket.writableLength > maxUnsentBytes) socket.destroy();
      return !socket.destroyed;
    },
    end: () => {
      socket.end();
      const timer = setTimeout(() => socket.destroy(), endGraceMs);
      void closed.then(() => clearTimeout(timer));
    },
  };
}
