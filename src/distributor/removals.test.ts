import { describe, expect, it } from 'vitest';
import { ImapError, type MessageRef } from '../imap/index.js';
import { createRemovals } from './removals.js';

const at = (uid: number, folder = 'INBOX'): MessageRef => ({ folder, uidValidity: '7', uid });

/** A mailbox whose removals end when they are told to. */
function createMailbox() {
  const commands: { readonly uids: number[]; readonly end: (error?: unknown) => void }[] = [];
  return {
    commands,
    remove: (messages: readonly MessageRef[]) =>
      new Promise<'removed'>((resolve, reject) => {
        const end = (error?: unknown): void => (error === undefined ? resolve('removed') : reject(error));
        commands.push({ uids: messages.map(({ uid }) => uid), end });
      }),
  };
}

const lost = new ImapError('ERR_IMAP_LOST', 'Gone.', { disposition: 'transient' });

describe('removals', () => {
  it('that are asked for at once make one command', async () => {
    const mailbox = createMailbox();
    const removals = createRemovals(mailbox);
    const done = Promise.all([1, 2, 3].map((uid) => removals.remove(at(uid))));
    await expect.poll(() => mailbox.commands.map(({ uids }) => uids)).toEqual([[1, 2, 3]]);
    mailbox.commands[0]?.end();
    await done;
  });

  it('that are asked for while one runs wait for it, and make one command together', async () => {
    const mailbox = createMailbox();
    const removals = createRemovals(mailbox);
    const first = removals.remove(at(1));
    await expect.poll(() => mailbox.commands.length).toBe(1);
    const later = Promise.all([2, 3].map((uid) => removals.remove(at(uid))));
    await Promise.resolve();
    expect(mailbox.commands).toHaveLength(1);
    mailbox.commands[0]?.end();
    await first;
    await expect.poll(() => mailbox.commands[1]?.uids).toEqual([2, 3]);
    mailbox.commands[1]?.end();
    await later;
    expect(mailbox.commands).toHaveLength(2);
  });

  it('of different folders make a command each, and do not wait for each other', async () => {
    const mailbox = createMailbox();
    const removals = createRemovals(mailbox);
    const stuck = removals.remove(at(1, 'Junk'));
    await expect.poll(() => mailbox.commands.map(({ uids }) => uids)).toEqual([[1]]);
    const done = Promise.all([removals.remove(at(1)), removals.remove(at(2))]);
    await expect.poll(() => mailbox.commands.map(({ uids }) => uids)).toEqual([[1], [1, 2]]);
    mailbox.commands[1]?.end();
    await done;
    mailbox.commands[0]?.end();
    await stuck;
  });

  it('fail together, each for whoever asked, and the next ones are not concerned', async () => {
    const mailbox = createMailbox();
    const removals = createRemovals(mailbox);
    const failing = Promise.allSettled([1, 2].map((uid) => removals.remove(at(uid))));
    await expect.poll(() => mailbox.commands.length).toBe(1);
    const next = removals.remove(at(3));
    mailbox.commands[0]?.end(lost);
    expect(await failing).toEqual([1, 2].map(() => ({ status: 'rejected', reason: lost })));
    await expect.poll(() => mailbox.commands[1]?.uids).toEqual([3]);
    mailbox.commands[1]?.end();
    await next;
  });
});
