import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { RelayTarget } from './counting-relay.js';
import { carry } from './toxic-lane.js';
import { createToxics, type Toxic } from './toxics.js';

export type { Direction, Toxic } from './toxics.js';

/** A TCP proxy on a free loopback port that does to a line what networks do. */
export interface ToxicProxy {
  readonly host: '127.0.0.1';
  /** The same for all its life, also after `down`. */
  readonly port: number;
  /** Makes the line worse, for what is open and for what comes; returns how to take this away again. */
  add(toxic: Toxic): () => void;
  /** Takes all toxics away. */
  clear(): void;
  /** Ends every connection by RST; new ones come through. */
  reset(): void;
  /** How many connections clients have open. */
  connections(): number;
  /** How many connections have been made so far. */
  made(): number;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

interface Line {
  readonly client: Socket;
  end(how: 'close' | 'reset'): void;
  /** Begins what a toxic does after a time. */
  time(toxic: Toxic): void;
  /** A toxic is taken away. */
  relieve(toxic: Toxic): void;
}

/**
 * Starts a proxy; each of its connections makes one to the target.
 *
 * @param random where jitter comes from, from 0 to 1; default `Math.random`.
 */
export async function startToxicProxy(target: RelayTarget & { readonly random?: () => number }): Promise<ToxicProxy> {
  const { random = Math.random } = target;
  const toxics = createToxics();
  const lines = new Set<Line>();
  const heard = new Set<Line>();
  let made = 0;
  let server: Server | undefined;
  let listening: Promise<void> = Promise.resolve();
  let isClosed = false;

  function accept(client: Socket): void {
    made += 1;
    const upstream = connect({ ...target, allowHalfOpen: true });
    const over = new AbortController();
    const timers = new Map<Toxic, NodeJS.Timeout>();
    const line: Line = {
      client,
      end: (how) => {
        for (const socket of [client, upstream]) {
          if (how === 'reset') socket.resetAndDestroy();
          else socket.destroy();
        }
        over.abort();
        for (const timer of timers.values()) clearTimeout(timer);
        lines.delete(line);
        heard.delete(line);
      },
      time: (toxic) => {
        const { type } = toxic;
        if (type === 'reset')
          timers.set(
            toxic,
            setTimeout(() => line.end('reset'), toxic.afterMs),
          );
        if (type === 'timeout' && toxic.timeoutMs > 0)
          timers.set(
            toxic,
            setTimeout(() => line.end('close'), toxic.timeoutMs),
          );
      },
      relieve: (toxic) => {
        clearTimeout(timers.get(toxic));
        if (toxic.type === 'timeout') line.end('close');
      },
    };
    lines.add(line);
    heard.add(line);
    const common = { toxics, random, end: line.end, over: over.signal };
    client.on('end', () => heard.delete(line));
    client.on('error', () => heard.delete(line));
    let closed = 0;
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('close', (hadError) => {
        closed += 1;
        if (closed === 2 && !hadError) line.end('close');
      });
    }
    void carry({ ...common, direction: 'upstream', from: client, to: upstream });
    void carry({ ...common, direction: 'downstream', from: upstream, to: client });
    for (const toxic of toxics.all()) line.time(toxic);
  }

  async function listen(port: number): Promise<number> {
    const next = createServer({ allowHalfOpen: true }, accept);
    server = next;
    next.listen(port, '127.0.0.1');
    await once(next, 'listening');
    return (next.address() as AddressInfo).port;
  }

  function refuse(): void {
    server?.close();
    server = undefined;
    for (const line of [...lines]) line.end('close');
  }

  function add(toxic: Toxic): () => void {
    toxics.add(toxic);
    if (toxic.type === 'down') refuse();
    for (const line of lines) line.time(toxic);
    return () => remove(toxic);
  }

  function remove(toxic: Toxic): void {
    if (!toxics.all().includes(toxic)) return;
    toxics.remove(toxic);
    for (const line of [...lines]) line.relieve(toxic);
    if (toxic.type === 'down' && !isClosed && !toxics.all().some(({ type }) => type === 'down')) {
      listening = listen(port).then(() => {});
    }
  }

  const port = await listen(0);
  return {
    host: '127.0.0.1',
    port,
    add,
    clear: () => {
      for (const toxic of toxics.all()) remove(toxic);
    },
    reset: () => {
      for (const line of [...lines]) line.end('reset');
    },
    connections: () => heard.size,
    made: () => made,
    close: async () => {
      isClosed = true;
      await listening;
      const closed = server === undefined ? undefined : once(server, 'close');
      refuse();
      await closed;
    },
  };
}
