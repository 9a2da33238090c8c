import type { DeliveredId } from './store.js';

/** Which ids have been delivered, in memory, so that the question can be answered in the same breath as the verdict. */
export interface DeliveredIds {
  has(channel: string, id: string): boolean;
  add(entry: DeliveredId): void;
  /** Forgets a channel. */
  drop(channel: string): void;
  /** Takes out what nobody can ask for any more, and gives it back to be deleted from the store. */
  expire(now: number): DeliveredId[];
}

/** Makes the index from what the store knows. */
export function createDeliveredIds(known: readonly DeliveredId[]): DeliveredIds {
  const channels = new Map<string, Map<string, number>>();
  const add = ({ channel, id, until }: DeliveredId): void => {
    const ids = channels.get(channel) ?? new Map<string, number>();
    channels.set(channel, ids.set(id, until));
  };
  known.forEach(add);
  return {
    has: (channel, id) => channels.get(channel)?.has(id) ?? false,
    add,
    drop: (channel) => {
      channels.delete(channel);
    },
    expire: (now) => {
      const expired: DeliveredId[] = [];
      for (const [channel, ids] of channels) {
        for (const [id, until] of ids) if (until <= now) expired.push({ channel, id, until });
      }
      for (const { channel, id } of expired) channels.get(channel)?.delete(id);
      return expired;
    },
  };
}
