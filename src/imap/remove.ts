import type { ImapFlow, MessageRangeOptions, StoreOptions } from 'imapflow';
import { ImapError } from './errors.js';
import type { RemovalPlan } from './removal-plan.js';
import { formatUidSet } from './uid-set.js';

/** Whether the messages are out of the folder now, or had to stay. */
export type Removed = 'removed' | 'left';

function refused(): ImapError {
  return new ImapError('ERR_IMAP_REFUSED', 'The mail server refused to remove a push mail: it is tried again.', {
    disposition: 'transient',
  });
}

/** Takes exactly these messages out of the selected folder, in the way that the server allows; see {@link RemovalPlan}. */
export async function removeMessages(client: ImapFlow, plan: RemovalPlan, uids: readonly number[]): Promise<Removed> {
  if (uids.length === 0) return 'removed';
  const set = formatUidSet(uids);
  switch (plan.kind) {
    case 'expunge': {
      // Without UIDPLUS the library would send a plain EXPUNGE: the plan has made sure that it is there.
      const silently: MessageRangeOptions & StoreOptions = { uid: true, silent: true };
      if (!(await client.messageDelete(set, silently))) throw refused();
      return 'removed';
    }
    case 'move': {
      if (plan.create) await createFolder(client, plan.folder);
      if (!(await client.messageMove(set, plan.folder, { uid: true }))) throw refused();
      return 'removed';
    }
    case 'leave': {
      await client.messageFlagsAdd(set, ['\\Seen', '\\Deleted'], { uid: true, silent: true });
      return 'left';
    }
  }
}

async function createFolder(client: ImapFlow, path: string): Promise<void> {
  const folders = await client.list();
  if (!folders.some((folder) => folder.path === path)) await client.mailboxCreate(path);
}
