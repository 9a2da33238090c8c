import type { ImapFlow, MessageRangeOptions, StoreOptions } from 'imapflow';
import { refusedError } from './errors.js';
import type { RemovalPlan } from './removal-plan.js';
import { chunkUids, formatUidSet, uidsPerCommand } from './uid-set.js';
import { lastRefusal } from './wire-guard.js';

/** Whether the messages are out of the folder now, or had to stay. */
export type Removed = 'removed' | 'left';

/**
 * Takes exactly these messages out of the selected folder, in the way that the server allows; see {@link RemovalPlan}.
 * Those that are not there any more count as removed.
 *
 * @throws ImapError `ERR_IMAP_REFUSED`; some of the messages may be removed already then.
 */
export async function removeMessages(client: ImapFlow, plan: RemovalPlan, uids: readonly number[]): Promise<Removed> {
  let removed: Removed = 'removed';
  for (const chunk of chunkUids(uids, uidsPerCommand)) removed = await removeSet(client, plan, formatUidSet(chunk));
  return removed;
}

async function removeSet(client: ImapFlow, plan: RemovalPlan, set: string): Promise<Removed> {
  switch (plan.kind) {
    case 'expunge': {
      const silently: MessageRangeOptions & StoreOptions = { uid: true, silent: true };
      if (!(await client.messageDelete(set, silently))) throw refusedError(lastRefusal(client));
      return 'removed';
    }
    case 'move': {
      if (await client.messageMove(set, plan.folder, { uid: true })) return 'removed';
      if (!plan.create) throw refusedError(lastRefusal(client));
      await client.mailboxCreate(plan.folder);
      if (!(await client.messageMove(set, plan.folder, { uid: true }))) throw refusedError(lastRefusal(client));
      return 'removed';
    }
    case 'leave': {
      // Only a courtesy to the user's mail programs, so a refusal changes nothing.
      await client.messageFlagsAdd(set, ['\\Seen', '\\Deleted'], { uid: true, silent: true });
      return 'left';
    }
  }
}
