import { describe, expect, it, vi } from 'vitest';
import { createManualTime, type ManualTime } from '../tools/manual-time.js';
import type { ScriptedCommand, ScriptedImap, ScriptedImapOptions } from '../tools/scripted-imap.js';
import { notify } from './mails.js';
import { known, startScripted } from './scripted.js';
import type { Watch } from './watch.js';

/** Without the check that follows on news. */
const times = { settleMs: Number.POSITIVE_INFINITY };

/**
 * Lets time pass, half a minute at a time, until this has come true; returns how much that was. The last command is then,
 * or soon, `after`.
 */
async function passUntil(
  time: ManualTime,
  server: ScriptedImap,
  isTrue: () => boolean,
  after = /^IDLE$/,
): Promise<number> {
  let passedMs = 0;
  while (!isTrue()) {
    await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]), { interval: 2 });
    time.pass(30_000);
    passedMs += 30_000;
    await server.flushed();
  }
  await vi.waitFor(() => expect(server.commands.at(-1)).toMatch(after));
  return passedMs;
}

/** Of a server that shows a session what was there when it opened the folder. */
function seesNothingNew({ name, tag, line }: ScriptedCommand): boolean {
  if (name === 'NOOP') line(`${tag} OK done`);
  return name === 'NOOP';
}

describe('a server that forgets to announce', () => {
  let uid = 0;

  async function start(
    script: ScriptedImapOptions = {},
  ): Promise<{ time: ManualTime; server: ScriptedImap; watched: Watch; add: () => number }> {
    const time = createManualTime();
    uid = known.lastUid;
    const { server, watched } = await startScripted(
      { messages: [{ uid }], ...script },
      { time, times, progress: known },
    );
    await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
    const add = (): number => {
      uid += 1;
      server.add({ uid, header: notify() });
      return uid;
    };
    return { time, server, watched, add };
  }

  it('one push just behind another has it late by ten seconds', async () => {
    const time = createManualTime();
    const { server, watched } = await startScripted({ messages: [{ uid: known.lastUid }] }, { time, progress: known });
    await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
    server.add({ uid: known.lastUid + 1, header: notify() });
    await vi.waitFor(() => expect(watched.open).toContain(known.lastUid + 1));
    await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
    server.forget(true);
    server.add({ uid: known.lastUid + 2, header: notify() });
    await vi.waitFor(() => expect(time.sleepers()).toEqual([10_000]), { interval: 2 });
    time.pass(10_000);
    await vi.waitFor(() => expect(watched.open).toContain(known.lastUid + 2));
  });

  it('one push has it late by two minutes at most', async () => {
    const { time, server, watched, add } = await start();
    server.forget(true);
    const forgotten = add();
    server.forget(false);
    expect(await passUntil(time, server, () => watched.open.has(forgotten))).toBeLessThanOrEqual(120_000);
    expect(watched.events.some(({ type }) => type === 'announcements')).toBe(false);
  });

  it('every push is asked every minute, and told of, until it announces again', async () => {
    const { time, server, watched, add } = await start();
    server.forget(true);
    const late: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      const forgotten = add();
      late.push(await passUntil(time, server, () => watched.open.has(forgotten)));
    }
    expect(late).toEqual([120_000, 120_000, 120_000, 60_000, 60_000]);
    expect(await watched.next('announcements')).toEqual({ type: 'announcements', reliable: false });
    server.forget(false);
    for (let count = 0; count < 3; count += 1) {
      const announced = add();
      await vi.waitFor(() => expect(watched.open).toContain(announced));
      await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
    }
    expect(await watched.next('announcements')).toEqual({ type: 'announcements', reliable: true });
    server.forget(true);
    const forgotten = add();
    expect(await passUntil(time, server, () => watched.open.has(forgotten))).toBe(120_000);
    expect(server.connections().made).toBe(1);
  });

  it('and shows an idling client nothing new of the folder has it late by two minutes at most', async () => {
    const { time, server, watched, add } = await start({ on: seesNothingNew });
    server.forget(true);
    for (let count = 0; count < 2; count += 1) {
      const unseen = add();
      expect(await passUntil(time, server, () => watched.open.has(unseen))).toBe(120_000);
    }
    expect(server.connections().made).toBe(1);
  });
});

describe('a server without IDLE', () => {
  it('that shows an open session nothing new has a push late by two minutes at most', async () => {
    const time = createManualTime();
    const { server, watched } = await startScripted(
      {
        capabilities: 'IMAP4rev1 UIDPLUS',
        messages: [{ uid: 4 }],
        on: seesNothingNew,
      },
      { time, progress: known },
    );
    await watched.next('connected');
    server.add({ uid: 5, header: notify() });
    expect(await passUntil(time, server, () => watched.open.has(5), /^UID FETCH /)).toBe(120_000);
    expect(server.connections().made).toBe(1);
  });
});

describe('a folder that is put in place of the one that is open', () => {
  it.each([
    ['under another UIDVALIDITY', [{ uid: 1, header: notify() }], 2000],
    // Restored from a backup, and then somebody wrote.
    ['with UIDs that go back', [{ uid: 2 }, { uid: 5, header: notify() }], 1000],
  ])('%s is looked through within two minutes', async (_, messages, uidValidity) => {
    const time = createManualTime();
    const { server, watched } = await startScripted({ messages: [{ uid: 4 }] }, { time, times, progress: known });
    await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
    for (const uid of [5, 6, 7]) server.add({ uid, header: notify() });
    await vi.waitFor(() => expect(watched.progress()?.lastUid).toBe(7));
    await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
    server.replace(messages, uidValidity);
    const isNoticed = (): boolean => watched.events.some(({ type }) => type === 'disconnected');
    expect(await passUntil(time, server, isNoticed, /^LOGOUT$/)).toBe(120_000);
    expect(watched.events.at(-1)).toMatchObject({ error: { code: 'ERR_IMAP_LOST' } });
    await vi.waitFor(() => expect(time.sleepers()).toHaveLength(1));
    time.pass(20);
    await watched.next('renumbered');
    const last = messages.at(-1)?.uid;
    expect(await watched.found()).toMatchObject({
      found: [{ uid: last }],
      progress: { uidValidity: `${uidValidity}` },
    });
    expect([...watched.open]).toEqual([last]);
  });
});
