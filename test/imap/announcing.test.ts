import { describe, expect, it, vi } from 'vitest';
import { createManualTime, type ManualTime } from '../tools/manual-time.js';
import type { ScriptedImap } from '../tools/scripted-imap.js';
import { notify } from './mails.js';
import { known, startScripted } from './scripted.js';
import type { Watch } from './watch.js';

/** Lets time pass while it idles, half a minute at a time, until this has come true; returns how much that was. */
async function passUntil(time: ManualTime, server: ScriptedImap, isTrue: () => boolean): Promise<number> {
  let passedMs = 0;
  while (!isTrue()) {
    await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]), { interval: 2 });
    time.pass(30_000);
    passedMs += 30_000;
    await server.flushed();
  }
  await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
  return passedMs;
}

describe('a server that forgets to announce', () => {
  let uid = 0;

  async function start(): Promise<{ time: ManualTime; server: ScriptedImap; watched: Watch; add: () => number }> {
    const time = createManualTime();
    uid = known.lastUid;
    const { server, watched } = await startScripted({ uidNext: known.lastUid + 1 }, { time, progress: known });
    await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
    const add = (): number => {
      uid += 1;
      server.add({ uid, header: notify() });
      return uid;
    };
    return { time, server, watched, add };
  }

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
});
