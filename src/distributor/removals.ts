import type { Mailbox, MessageRef } from '../imap/index.js';

/** Joins removals that are asked for one by one into as few commands as possible. */
export interface Removals {
  /** Resolves when the message is out of the mailbox, or has to stay there for good. Rejects as `Mailbox.remove` does. */
  remove(message: MessageRef): Promise<void>;
}

/** Makes the collector: while one command runs, whatever is asked for waits for the next one. */
export function createRemovals(mailbox: Pick<Mailbox, 'remove'>): Removals {
  let running: Promise<unknown> = Promise.resolve();
  let next: { readonly messages: MessageRef[]; readonly done: Promise<void> } | undefined;

  async function removeAfter(before: Promise<unknown>, messages: readonly MessageRef[]): Promise<void> {
    await before;
    next = undefined;
    await mailbox.remove(messages);
  }

  return {
    remove: (message) => {
      if (next === undefined) {
        const messages: MessageRef[] = [];
        next = { messages, done: removeAfter(running, messages) };
        running = next.done.catch(() => {});
      }
      next.messages.push(message);
      return next.done;
    },
  };
}
