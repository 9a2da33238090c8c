import { PushError } from './errors.js';

/** Throws what {@link aborted} makes of `signal`, once that is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw aborted(signal);
}

/** Settles as `promise` does, or rejects with what {@link aborted} makes of `signal` as soon as that is aborted. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let onAbort = (): void => {};
  const abort = new Promise<never>((_, reject) => {
    onAbort = () => reject(aborted(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([promise, abort]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The reason of `signal` if it is a {@link PushError}, otherwise `ERR_ABORTED`. */
export function aborted(signal: AbortSignal): PushError {
  if (signal.reason instanceof PushError) return signal.reason;
  const sentence = 'The push was given up; what was already on its way may still arrive.';
  return new PushError('ERR_ABORTED', sentence, { disposition: 'transient', cause: signal.reason });
}

const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `callback` when `signal` is aborted; returns how to take that back. However many wait for one signal, it has one
 * listener: Node takes more than ten for a leak and says so on stderr.
 */
export function whenAborted(signal: AbortSignal, callback: () => void): () => void {
  const known = waiting.get(signal);
  const callbacks = known ?? new Set();
  callbacks.add(callback);
  if (known === undefined) {
    const onAbort = (): void => {
      waiting.delete(signal);
      for (const each of callbacks) each();
    };
    waiting.set(signal, callbacks);
    signal.addEventListener('abort', onAbort, { once: true });
  }
  return () => void callbacks.delete(callback);
}
