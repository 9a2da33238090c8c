import { describe, expect, it } from 'vitest';
import { createManualTime } from '../../test/tools/manual-time.js';
import type { MailboxEvent } from '../imap/index.js';
import { silentLog } from '../runtime.js';
import { createHealth } from './health.js';
import { createMisfiled } from './misfiled.js';

const at = (folder: string, uid: number) => ({ folder, uidValidity: '7', uid });
const looked = (folder: string, ...uids: number[]): MailboxEvent => ({
  type: 'looked',
  folder,
  found: uids.map((uid) => ({ uid, sizeBytes: 1, channel: 'c' })),
  gone: [],
  progress: { uidValidity: '7', lastUid: 9 },
});

function setting(folder: string) {
  const health = createHealth(createManualTime().runtime);
  const misfiled = createMisfiled({ folder, health, log: silentLog });
  return { misfiled, sources: () => health.troubles().map(({ source }) => source), troubles: health.troubles };
}

describe('a push that arrives where it does not belong', () => {
  it('shows that filing is broken, until one is filed again and the INBOX has no more', () => {
    const { misfiled, sources, troubles } = setting('Push');
    misfiled.opened(at('Push', 1));
    misfiled.mailbox(looked('INBOX', 4));
    expect(sources()).toEqual([]);
    misfiled.opened(at('INBOX', 4));
    expect(troubles()[0]?.sentence).toMatch(/^Push mail arrives in INBOX although "folder" is "Push"/);
    misfiled.mailbox(looked('INBOX'));
    expect(sources()).toEqual(['filing']);
    misfiled.opened(at('Push', 2));
    expect(sources()).toEqual(['filing']);
    misfiled.mailbox(looked('INBOX'));
    expect(sources()).toEqual([]);
    misfiled.opened(at('INBOX', 5));
    expect(sources()).toEqual(['filing']);
  });

  it('is counted once, however often it is opened while it waits', () => {
    const { misfiled, sources } = setting('Push');
    misfiled.opened(at('INBOX', 4));
    misfiled.opened(at('Push', 2));
    misfiled.mailbox(looked('INBOX'));
    misfiled.opened(at('INBOX', 4));
    expect(sources()).toEqual([]);
  });

  it('is told of as spam when it is in another folder than the INBOX', () => {
    const { misfiled, sources } = setting('INBOX');
    misfiled.opened(at('INBOX', 4));
    expect(sources()).toEqual([]);
    misfiled.opened(at('Junk', 1));
    expect(sources()).toEqual(['spam']);
    misfiled.opened(at('INBOX', 5));
    misfiled.mailbox(looked('INBOX'));
    expect(sources()).toEqual(['spam']);
    misfiled.mailbox(looked('Junk'));
    expect(sources()).toEqual([]);
  });
});
