import { ImapError, type Mailbox, type MessageRef } from '../imap/index.js';
import type { Health } from './health.js';

/** Joins removals that are asked for one by one into as few commands as possible. */
export interface Removals {
  /** Resolves when the message is out of the mailbox, or has to stay there for good. Rejects as `Mailbox.remove` does. */
  remove(message: MessageRef): Promise<void>;
}

/**
 * Makes the collector: while one command runs, whatever is asked for waits for the next one. Each folder has its own, so
 * that one which lets nothing be removed is no matter to the others.
 */
export function createRemovals(mailbox: Pick<Mailbox, 'remove'>): Removals {
  const folders = new Map<string, Removals>();
  return {
    remove: (message) => {
      const removals = folders.get(message.folder) ?? collectOneFolder(mailbox);
      folders.set(message.folder, removals);
      return removals.remove(message);
    },
  };
}

/** The same mailbox, with the trouble `removal` while the server does not let delivered push mail be removed. */
export function tellRefusals(
  mailbox: Pick<Mailbox, 'remove'>,
  health: Pick<Health, 'trouble'>,
): Pick<Mailbox, 'remove'> {
  return {
    remove: async (messages) => {
      try {
        const removed = await mailbox.remove(messages);
        health.trouble('removal', undefined);
        return removed;
      } catch (error) {
        if (error instanceof ImapError && error.code === 'ERR_IMAP_REFUSED') {
          health.trouble('removal', `Delivered push mail cannot be removed from the mailbox: ${error.message}`);
        }
        throw error;
      }
    },
  };
}

function collectOneFolder(mailbox: Pick<Mailbox, 'remove'>): Removals {
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
