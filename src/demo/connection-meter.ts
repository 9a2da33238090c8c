import type { Socket } from 'node:net';

/** What went through the watched connections since the meter was made. */
export interface ConnectionCounts {
  /** Connections open now. */
  readonly open: number;
  /** The most connections that were ever open at the same time. */
  readonly mostOpen: number;
  /** Connections ever made. */
  readonly made: number;
  /** Bytes that came from clients, of open and closed connections. */
  readonly bytesFromClients: number;
  /** Bytes that were sent to clients, of open and closed connections. */
  readonly bytesToClients: number;
}

/** Counts connections and the bytes that go over them. */
export interface ConnectionMeter {
  /** Counts this accepted connection, and its bytes, from now on. */
  watch(socket: Socket): void;
  counts(): ConnectionCounts;
  /** Cuts every connection that is open. */
  cutAll(): void;
}

/** Makes a meter that has seen nothing yet. */
export function createConnectionMeter(): ConnectionMeter {
  const open = new Set<Socket>();
  /** Those that a client has ended and that are not closed on our side yet are here, but not in `open`. */
  const alive = new Set<Socket>();
  let mostOpen = 0;
  let made = 0;
  let closedFrom = 0;
  let closedTo = 0;
  return {
    watch(socket) {
      open.add(socket);
      alive.add(socket);
      made += 1;
      mostOpen = Math.max(mostOpen, open.size);
      socket.once('end', () => open.delete(socket));
      socket.once('close', () => {
        open.delete(socket);
        alive.delete(socket);
        closedFrom += socket.bytesRead;
        closedTo += socket.bytesWritten;
      });
    },
    counts() {
      let bytesFromClients = closedFrom;
      let bytesToClients = closedTo;
      for (const socket of alive) {
        bytesFromClients += socket.bytesRead;
        bytesToClients += socket.bytesWritten;
      }
      return { open: open.size, mostOpen, made, bytesFromClients, bytesToClients };
    },
    cutAll() {
      for (const socket of alive) {
        socket.destroy();
      }
    },
  };
}
