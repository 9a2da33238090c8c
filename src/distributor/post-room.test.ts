import { describe, expect, it } from 'vitest';
import {
  channelOf,
  createSetting,
  minute,
  now,
  pushMail,
  registrationOf,
  senders,
  settled,
} from '../../test/tools/post-room-setting.js';
import { temporaryDirectory } from '../../test/tools/temporary-directory.js';
import type { Answer } from './apps/index.js';

const retryMs = 10_000;
const letter = Buffer.from('Subject: Hello\r\n\r\nNothing of yours.\r\n');

describe('the post room', () => {
  it('takes each push to its app, and then out of the mailbox', async () => {
    const s = await createSetting([registrationOf('a'), registrationOf('b')]);
    await s.arrive(
      ['a', await pushMail('a', { id: '1' })],
      ['b', await pushMail('b', { id: '1', signer: senders[1] })],
      ['a', await pushMail('a', { id: '2', withHandshake: false })],
    );
    await settled(s);
    expect(s.delivered.sort()).toEqual(['a 1 1', 'a 2 2', 'b 1 1']);
    await expect.poll(() => s.store.folder('INBOX')).toEqual({ uidValidity: '7', lastUid: 3, open: [] });
    expect(s.store.wasDelivered(channelOf('a'), '2')).toBe(true);
    const pins = (await s.store.registrations()).map(({ token, pin }) => [token, pin?.fingerprint]);
    expect(pins).toEqual([
      ['a', senders[0].fingerprint],
      ['b', senders[1].fingerprint],
    ]);
  });

  it('does not so much as fetch a mail for a channel that is not ours', async () => {
    const s = await createSetting([registrationOf('a')]);
    await s.arrive(['b', await pushMail('b', { id: '1' })], ['a', await pushMail('a', { id: '2' })]);
    await expect.poll(() => s.progress.openUids()).toEqual([]);
    expect([s.fetched, s.uids()]).toEqual([[2], [1]]);
  });

  it('leaves alone what names our channel and does not open, and remembers that over a restart', async () => {
    const directory = await temporaryDirectory();
    const s = await createSetting([registrationOf('a')], directory);
    await s.arrive(['a', letter], ['a', await pushMail('a', { id: '2' })]);
    await expect.poll(() => s.progress.openUids()).toEqual([]);
    expect([s.uids(), s.delivered]).toEqual([[1], ['a 2 2']]);
    await s.store.close();
    const again = await createSetting([registrationOf('a')], directory);
    expect(again.progress.openUids()).toEqual([]);
  });

  it('delivers a copy of a push once, also when it comes after a restart', async () => {
    const directory = await temporaryDirectory();
    const push = await pushMail('a', { id: '1' });
    const s = await createSetting([registrationOf('a')], directory);
    await s.arrive(['a', push], ['a', push]);
    await settled(s);
    await s.arrive(['a', push]);
    await settled(s);
    await s.store.close();
    const again = await createSetting([], directory);
    await again.arrive(['a', push]);
    await settled(again);
    expect([s.delivered, again.delivered]).toEqual([['a 1 1'], []]);
  });

  it('pins the first of two senders that write at once, and refuses the other', async () => {
    const s = await createSetting([registrationOf('a')]);
    await s.arrive(
      ['a', await pushMail('a', { id: '1', signer: senders[0] })],
      ['a', await pushMail('a', { id: '2', signer: senders[1] })],
      ['a', await pushMail('a', { id: '3', signer: senders[0], withHandshake: false })],
    );
    await settled(s);
    expect(s.delivered).toEqual(['a 1 1', 'a 3 3']);
    expect(s.logged).toContain('push.refused');
    expect((await s.store.registrations())[0]?.pin?.fingerprint).toBe(senders[0].fingerprint);
  });

  it('lets a push wait for the handshake that comes after it', async () => {
    const s = await createSetting([registrationOf('a')]);
    await s.arrive(['a', await pushMail('a', { id: '1', withHandshake: false })]);
    await expect.poll(() => s.logged).toContain('push.waiting-for-key');
    await s.arrive(['a', await pushMail('a', { id: '2' })]);
    await settled(s);
    expect(s.delivered).toEqual(['a 1 1', 'a 2 2']);
  });

  it('brings a pin to the disk even if the first try to write it fails', async () => {
    const s = await createSetting([registrationOf('a')]);
    s.disk.isFull = true;
    await s.arrive(['a', await pushMail('a', { id: '1' })]);
    await expect.poll(() => s.time.sleepers()).toEqual([retryMs]);
    expect(s.uids()).toEqual([1]);
    s.disk.isFull = false;
    s.time.pass(retryMs);
    await settled(s);
    expect(s.delivered).toEqual(['a 1 1']);
    expect((await s.store.registrations())[0]?.pin?.fingerprint).toBe(senders[0].fingerprint);
  });

  it('keeps a pin that comes while the app changes its registration', async () => {
    const s = await createSetting([registrationOf('a')]);
    s.answers.next = () => {
      const known = s.channels.get(channelOf('a'));
      if (known !== undefined) {
        s.channels.put({ ...known, description: 'new' });
        s.room.registrationChanged({ ...known, description: 'new' });
      }
      return 'accepted';
    };
    await s.arrive(['a', await pushMail('a', { id: '1' })]);
    await settled(s);
    const pinned = { description: 'new', pin: { fingerprint: senders[0].fingerprint } };
    expect(await s.store.registrations()).toMatchObject([pinned]);
  });

  it('tries again when the mail server was away', async () => {
    const s = await createSetting([registrationOf('a')]);
    s.mailbox.isDown = true;
    await s.arrive(['a', await pushMail('a', { id: '1' })]);
    await expect.poll(() => s.time.sleepers()).toEqual([30_000]);
    s.mailbox.isDown = false;
    s.time.pass(30_000);
    await settled(s);
    expect(s.delivered).toEqual(['a 1 1']);
  });

  it('does not deliver a push again that is found anew while its app thinks about it', async () => {
    const s = await createSetting([registrationOf('a')]);
    let accept = (_: Answer): void => {};
    s.answers.next = () =>
      new Promise((resolve) => {
        accept = resolve;
      });
    const push = await pushMail('a', { id: '1' });
    await s.arrive(['a', letter], ['a', push]);
    await expect.poll(() => s.delivered).toEqual(['a 1 1']);
    // The server numbers anew: the same mail under another UID.
    s.mailbox.uidValidity = '8';
    s.mailbox.mails = new Map([[1, push]]);
    await s.room.take({ type: 'renumbered', folder: 'INBOX' });
    await s.look([{ uid: 1, sizeBytes: push.length, channel: channelOf('a') }]);
    await expect.poll(() => s.fetched).toEqual([1, 2, 1]);
    accept('accepted');
    await settled(s);
    expect(s.delivered).toEqual(['a 1 1']);
  });

  it('forgets what is gone from the mailbox', async () => {
    const s = await createSetting([registrationOf('a')]);
    s.answers.next = () => 'unreachable';
    await s.arrive(['a', await pushMail('a', { id: '1' })]);
    await expect.poll(() => s.logged).toContain('push.unreachable');
    s.mailbox.mails.clear();
    await s.look([], [1]);
    s.room.appAppeared('org.example.a');
    await settled(s);
    expect(s.delivered).toEqual(['a 1 1']);
  });

  it('keeps what is for an app that is gone for good until the TTL ends, says until when, and clears it away then', async () => {
    const s = await createSetting([registrationOf('a')]);
    s.answers.next = () => 'unreachable';
    await s.arrive(['a', await pushMail('a', { id: '1' })]);
    await expect.poll(() => s.logged).toContain('push.unreachable');
    const summary = () => s.room.summary(channelOf('a'));
    const hour = 60 * minute;
    const until = now + hour + 10 * minute;
    expect(summary()).toMatchObject({ keptUntil: until });
    // The pauses between the tries grow up to ten minutes.
    for (let passed = 0; passed < hour + 5 * minute; passed += minute) {
      await expect.poll(() => s.time.sleepers().length).toBeGreaterThan(0);
      s.time.pass(minute);
    }
    expect(s.uids()).toEqual([1]);
    expect(summary()).toMatchObject({ keptUntil: until });
    s.time.pass(5 * minute);
    await settled(s);
    expect(summary()?.keptUntil).toBeUndefined();
    expect(s.delivered.length).toBeGreaterThan(5);
  });

  it('tries at once what waits for an app that appears, and only that', async () => {
    const s = await createSetting([registrationOf('a'), registrationOf('b')]);
    s.answers.next = () => 'unreachable';
    await s.arrive(['a', await pushMail('a', { id: '1' })], ['b', await pushMail('b', { id: '2' })]);
    await expect.poll(() => [s.delivered.length, s.time.sleepers().length]).toEqual([2, 2]);
    s.delivered.length = 0;
    s.answers.next = () => 'accepted';
    s.room.appAppeared('org.example.b');
    await expect.poll(() => s.uids()).toEqual([1]);
    expect(s.delivered).toEqual(['b 2 2']);
  });

  it('does not let one channel wait for another', async () => {
    const s = await createSetting([registrationOf('a'), registrationOf('b')]);
    s.answers.next = (id) => (id === '1' ? new Promise(() => {}) : 'accepted');
    await s.arrive(
      ['a', await pushMail('a', { id: '1' })],
      ['a', await pushMail('a', { id: '2' })],
      ['b', await pushMail('b', { id: '3' })],
    );
    await expect.poll(() => [...s.delivered].sort()).toEqual(['a 1 1', 'b 3 3']);
    await expect.poll(() => s.uids()).toEqual([1, 2]);
  });
});

describe('the post room and the device', () => {
  const low = (letter: string) => pushMail(letter, { id: letter, urgency: 'low' });

  it('hold what is not urgent, in channels old and new, until the device asks for less', async () => {
    const s = await createSetting([registrationOf('a')]);
    s.room.minimumUrgency('normal');
    s.channels.put(registrationOf('b'));
    s.room.registrationChanged(registrationOf('b'));
    await s.arrive(['a', await low('a')], ['b', await low('b')], ['a', await pushMail('a', { id: '2' })]);
    await expect.poll(() => s.uids()).toEqual([1, 2]);
    await expect.poll(() => s.logged.filter((event) => event === 'push.held')).toHaveLength(2);
    expect(s.delivered).toEqual(['a 2 2']);
    const summaries = ['a', 'b'].map((letter) => s.room.summary(channelOf(letter)));
    expect(summaries).toMatchObject([
      { open: 1, held: 1 },
      { open: 1, held: 1 },
    ]);
    s.room.minimumUrgency('low');
    await settled(s);
    expect(s.delivered.sort()).toEqual(['a 2 2', 'a a a', 'b b b']);
  });

  it('deliver what is held before its TTL ends', async () => {
    const s = await createSetting([registrationOf('a')]);
    s.room.minimumUrgency('high');
    await s.arrive(['a', await low('a')]);
    await expect.poll(() => s.room.summary(channelOf('a'))?.held).toBe(1);
    s.time.pass(54 * minute);
    expect(s.delivered).toEqual([]);
    s.time.pass(minute);
    await settled(s);
    expect(s.delivered).toEqual(['a a a']);
  });
});

describe('a push that comes late', () => {
  it('is not delivered after a later one of its topic, also when that was before a restart', async () => {
    const directory = await temporaryDirectory();
    const s = await createSetting([registrationOf('a')], directory);
    await s.arrive(['a', await pushMail('a', { id: 'new', topic: 'news' })]);
    await settled(s);
    await s.store.close();
    const again = await createSetting([], directory);
    const late = { id: 'late', topic: 'news', secondsAgo: 1 };
    await again.arrive(['a', await pushMail('a', late)], ['a', await pushMail('a', { id: 'other', topic: 'weather' })]);
    await settled(again);
    expect([s.delivered, again.delivered]).toEqual([['a new new'], ['a other other']]);
    expect(again.logged).toContain('push.superseded');
  });
});

describe('a registration that is new', () => {
  it('gets what comes for it', async () => {
    const s = await createSetting([]);
    s.channels.put(registrationOf('a'));
    s.room.registrationChanged(registrationOf('a'));
    await s.arrive(['a', await pushMail('a', { id: '1' })]);
    await settled(s);
    expect(s.delivered).toEqual(['a 1 1']);
  });
});

describe('a registration that has ended', () => {
  const retired = registrationOf.bind(undefined, 'a', { retiredAt: now });

  it('gets nothing more, and its late pushes are cleared away', async () => {
    const s = await createSetting([registrationOf('a')]);
    s.channels.put(retired());
    s.room.registrationChanged(retired());
    await s.arrive(['a', await pushMail('a', { id: '1' })], ['a', letter]);
    await expect.poll(() => s.uids()).toEqual([2]);
    expect(s.delivered).toEqual([]);
  });

  it('while a push is being delivered lets that one end, and delivers none behind it', async () => {
    const s = await createSetting([registrationOf('a')]);
    let answer = (_: Answer): void => {};
    s.answers.next = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await s.arrive(['a', await pushMail('a', { id: '1' })], ['a', await pushMail('a', { id: '2' })]);
    await expect.poll(() => s.delivered).toEqual(['a 1 1']);
    s.channels.put(retired());
    s.room.registrationChanged(retired());
    answer('refused');
    await settled(s);
    expect(s.delivered).toEqual(['a 1 1']);
  });

  it('and is forgotten in the middle of something harms nobody', async () => {
    const s = await createSetting([registrationOf('a'), registrationOf('b')]);
    let answer = (_: Answer): void => {};
    s.answers.next = (id) =>
      id === '1'
        ? new Promise((resolve) => {
            answer = resolve;
          })
        : 'accepted';
    await s.arrive(['a', await pushMail('a', { id: '1' })], ['a', await pushMail('a', { id: '2' })]);
    await expect.poll(() => s.delivered).toEqual(['a 1 1']);
    s.room.forget(channelOf('a'));
    answer('unreachable');
    await s.arrive(['b', await pushMail('b', { id: '3' })]);
    await expect.poll(() => s.uids()).toEqual([1, 2]);
    // Whatever was open for it is no more of interest at the next connection.
    const found = s.uids().map((uid) => ({ uid, sizeBytes: 1, channel: channelOf('a') }));
    await s.look(found);
    expect(s.progress.openUids()).toEqual([]);
    expect(await s.store.folder('INBOX')).toMatchObject({ open: [] });
  });
});

describe('a post room that closes', () => {
  it('waits for the app, so that it does not get the push again after the next start', async () => {
    const directory = await temporaryDirectory();
    const push = await pushMail('a', { id: '1' });
    const s = await createSetting([registrationOf('a')], directory);
    let answer = (_: Answer): void => {};
    s.answers.next = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await s.arrive(['a', push]);
    await expect.poll(() => s.delivered).toEqual(['a 1 1']);
    const closing = s.room.close();
    answer('accepted');
    await closing;
    await s.store.close();
    expect(s.uids()).toEqual([1]);
    const again = await createSetting([], directory);
    await again.arrive(['a', push]);
    await settled(again);
    expect(again.delivered).toEqual([]);
  });

  it('waits for half a second at most', async () => {
    const s = await createSetting([registrationOf('a')]);
    s.answers.next = () => new Promise(() => {});
    await s.arrive(['a', await pushMail('a', { id: '1' })]);
    await expect.poll(() => s.delivered).toEqual(['a 1 1']);
    const closing = s.room.close();
    expect(s.time.sleepers()).toEqual([500]);
    s.time.pass(500);
    await closing;
  });

  it('begins nothing more', async () => {
    const s = await createSetting([registrationOf('a')]);
    await s.room.close();
    await s.arrive(['a', await pushMail('a', { id: '1' })]);
    expect([s.fetched, s.time.sleepers()]).toEqual([[], []]);
    expect(s.progress.openUids()).toEqual([1]);
  });
});
