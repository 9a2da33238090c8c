import PQueue from 'p-queue';

/** Tells apps what needs no answer, so that nobody waits for them. */
export interface Tells {
  /** Does it for this service, after what is under way now (the reply to a method, say) has gone out. Never throws. */
  tell(service: string, act: () => Promise<void>): void;
}

/** An app that never answers holds up its own only, and not before it has so many to answer. */
const atOnce = 16;
/** More than an app can have registrations, twice; an app that has so many to answer does not listen. */
const maxWaiting = 200;

/**
 * Makes it.
 *
 * @param failed told of what `act` rejects with.
 */
export function createTells(failed: (error: unknown) => void): Tells {
  const queues = new Map<string, PQueue>();
  return {
    tell: (service, act) => {
      const queue = queues.get(service) ?? new PQueue({ concurrency: atOnce });
      if (queue.size >= maxWaiting) return;
      if (!queues.has(service)) {
        queues.set(service, queue);
        queue.once('idle', () => queues.delete(service));
      }
      queue
        .add(async () => {
          await new Promise((resolve) => setImmediate(resolve));
          await act();
        })
        .catch(failed);
    },
  };
}
