/** Which way bytes go: from the client to the server, from the server to the client, or both. */
export type Direction = 'upstream' | 'downstream' | 'both';

/** What can be wrong with a line; the names are toxiproxy's, `freeze` is ours. Default direction: both. */
export type Toxic =
  /** Every byte comes later by this, give or take the jitter; the order stays. */
  | {
      readonly type: 'latency';
      readonly direction?: Direction;
      readonly latencyMs: number;
      readonly jitterMs?: number;
    }
  /** Nobody listens: what is open is cut, and new connections are refused. */
  | { readonly type: 'down' }
  /** No more than this goes through. */
  | { readonly type: 'bandwidth'; readonly direction?: Direction; readonly bytesPerSecond: number }
  /** Connections end by RST this long after they were made, or after this was added. */
  | { readonly type: 'reset'; readonly afterMs: number }
  /** Bytes come in pieces of this size, with a pause after each. */
  | {
      readonly type: 'slicer';
      readonly direction?: Direction;
      readonly sliceBytes: number;
      readonly pauseMs: number;
    }
  /**
   * Bytes are swallowed, and connections closed this long after they were made, or after this was added; with 0 they are
   * closed when this is taken away, because a stream with a hole cannot go on.
   */
  | { readonly type: 'timeout'; readonly direction?: Direction; readonly timeoutMs: number }
  /** A connection is closed after it has carried this many bytes, counted from when this was added. */
  | { readonly type: 'limit data'; readonly direction?: Direction; readonly bytes: number }
  /** Nothing passes, not even an end; the connection stays open, and what was sent comes when this is taken away. */
  | { readonly type: 'freeze'; readonly direction?: Direction };

/** The toxics of a line at the moment. */
export interface Toxics {
  /** Those that concern this way. */
  of(direction: 'upstream' | 'downstream'): readonly Toxic[];
  add(toxic: Toxic): void;
  remove(toxic: Toxic): void;
  all(): readonly Toxic[];
  /** Resolves after `ms`, when something was added or removed, or when the signal is aborted. */
  pause(ms: number | undefined, signal: AbortSignal): Promise<void>;
}

/** Makes an empty set of toxics. */
export function createToxics(): Toxics {
  const toxics = new Set<Toxic>();
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const wake of [...waiting]) wake();
  };
  return {
    of: (direction) =>
      [...toxics].filter(
        (toxic) => !('direction' in toxic) || [direction, 'both', undefined].includes(toxic.direction),
      ),
    add: (toxic) => {
      toxics.add(toxic);
      changed();
    },
    remove: (toxic) => {
      if (toxics.delete(toxic)) changed();
    },
    all: () => [...toxics],
    pause: async (ms, signal) => {
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        const timer = ms === undefined ? undefined : setTimeout(() => wake(), ms);
        const wake = (): void => {
          clearTimeout(timer);
          waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        waiting.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    },
  };
}
