import { beforeAll, expect, it, onTestFinished } from 'vitest';
import type { ImapTimes } from '../../src/imap/index.js';
import { describeEachMailServer, type TestMailServer } from '../mail-servers/index.js';
import { startToxicProxy, type Toxic, type ToxicProxy } from '../tools/toxic-proxy.js';
import { pushMail } from './mails.js';
import { type Watch, watch } from './watch.js';

/** Faults of the line are ours to see, whatever server is behind it; a hibernating one wakes up for each question. */
const kinds = ['hoodiecrow', 'Dovecot, hibernating'];

/** A dead line is found within a second or so. */
const impatient: Partial<ImapTimes> = { checkMs: 300, checkAnswerMs: 600, answerMs: 2000, connectMs: 1000 };

describeEachMailServer('a bad line', { on: ({ name }) => kinds.includes(name) }, ({ start }) => {
  let server: TestMailServer;
  beforeAll(async () => {
    server = await start();
  });

  interface Stage {
    readonly proxy: ToxicProxy;
    readonly watched: Watch;
    /** Puts a push into the folder and waits until it is found, which nobody helps with. */
    nextPushArrives(): Promise<void>;
    put(): Promise<number>;
  }

  /** An empty folder for each test, watched over a line that can be spoilt. */
  async function startStage(times: Partial<ImapTimes>): Promise<Stage> {
    const folder = `Line-${folders++}`;
    await server.createFolder(folder);
    const proxy = await startToxicProxy(server.imap);
    onTestFinished(proxy.close);
    const watched = watch({ ...server.imap, host: proxy.host, port: proxy.port }, { times, account: { folder } });
    await watched.next('looked');
    const put = (): Promise<number> => server.append(folder, pushMail());
    return {
      proxy,
      watched,
      put,
      nextPushArrives: async () => {
        const uid = await put();
        await expect.poll(() => [...watched.open]).toContain(uid);
      },
    };
  }
  let folders = 0;

  it.each<[string, Toxic]>([
    ['refuses connections', { type: 'down' }],
    ['is frozen, and still open', { type: 'freeze' }],
    ['hears us and does not answer', { type: 'freeze', direction: 'downstream' }],
    ['is heard and does not hear us', { type: 'freeze', direction: 'upstream' }],
    ['swallows everything and then closes', { type: 'timeout', timeoutMs: 200 }],
    ['resets what is connected', { type: 'reset', afterMs: 5 }],
    ['closes in the middle of a login', { type: 'limit data', bytes: 100 }],
  ])('that %s is noticed, and used again as soon as it is good', async (_, toxic) => {
    const { proxy, watched, put, nextPushArrives } = await startStage(impatient);
    const relieve = proxy.add(toxic);
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOST' });
    expect((await watched.next('disconnected')).error).toMatchObject({ disposition: 'transient' });
    const meanwhile = await put();
    relieve();
    await watched.next('connected');
    await expect.poll(() => [...watched.open]).toContain(meanwhile);
    await nextPushArrives();
  });

  it('that is cut again and again is made again each time', async () => {
    const { proxy, watched, nextPushArrives } = await startStage({});
    for (let count = 0; count < 3; count += 1) {
      proxy.reset();
      expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOST' });
      await watched.next('connected');
      await nextPushArrives();
    }
  });

  it('that breaks while a push is fetched loses nothing', async () => {
    const { proxy, watched, put } = await startStage({});
    const uid = await put();
    const { progress } = await watched.found();
    const message = { folder: `Line-${folders - 1}`, uidValidity: progress.uidValidity, uid };
    const relieve = proxy.add({ type: 'limit data', direction: 'downstream', bytes: 40 });
    await expect(watched.mailbox.fetch(message, 10_000)).rejects.toMatchObject({ code: 'ERR_IMAP_LOST' });
    relieve();
    await watched.next('connected');
    await expect
      .poll(async () => await watched.mailbox.fetch(message, 10_000).catch(() => undefined))
      .toMatchObject({ kind: 'mail', bytes: pushMail() });
  });

  it('that is slow and comes in pieces is not given up', async () => {
    const { proxy, watched, nextPushArrives } = await startStage({});
    proxy.add({ type: 'latency', latencyMs: 60, jitterMs: 40 });
    proxy.add({ type: 'slicer', sliceBytes: 50, pauseMs: 1 });
    proxy.add({ type: 'bandwidth', bytesPerSecond: 20_000 });
    await nextPushArrives();
    watched.mailbox.wake('network');
    await nextPushArrives();
    proxy.reset();
    await watched.next('connected');
    await nextPushArrives();
    expect(watched.events.filter(({ type }) => type === 'disconnected')).toHaveLength(1);
  });

  it('is put to the test when the machine was asleep, and made again when it gives no answer', async () => {
    const { proxy, watched, nextPushArrives } = await startStage({ checkAnswerMs: 300 });
    watched.mailbox.wake('resumed');
    await nextPushArrives();
    expect(proxy.made()).toBe(1);
    proxy.add({ type: 'freeze' });
    watched.mailbox.wake('resumed');
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOST' });
    proxy.clear();
    await watched.next('connected');
    await nextPushArrives();
  });

  it('is made at once when the network comes back', async () => {
    const hour = 3_600_000;
    const { proxy, watched, nextPushArrives } = await startStage({ retryFirstMs: hour, retryMaxMs: hour });
    const relieve = proxy.add({ type: 'down' });
    await watched.next('disconnected');
    watched.mailbox.wake('network');
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_UNREACHABLE' });
    relieve();
    watched.mailbox.wake('network');
    await watched.next('connected');
    await nextPushArrives();
  });

  it('that is just being made over a network that is gone is made over the new one, and only once in a row', async () => {
    const { proxy, watched, nextPushArrives } = await startStage({ checkAnswerMs: 300 });
    const relieve = proxy.add({ type: 'freeze' });
    watched.mailbox.wake('network');
    await watched.next('disconnected');
    await expect.poll(proxy.made).toBe(2);
    watched.mailbox.wake('network');
    await watched.next('disconnected');
    await expect.poll(proxy.made).toBe(3);
    for (let count = 0; count < 10; count += 1) watched.mailbox.wake('network');
    relieve();
    await watched.next('connected');
    expect(proxy.made()).toBe(3);
    await nextPushArrives();
  });

  it('is not made oftener than allowed, however often we are woken', async () => {
    const { proxy, watched, nextPushArrives } = await startStage({ loginsPerMinute: 3 });
    for (let count = 0; count < 1000; count += 1) watched.mailbox.wake('network');
    await nextPushArrives();
    expect(proxy.made()).toBe(1);
    proxy.add({ type: 'down' });
    await expect
      .poll(
        () => {
          watched.mailbox.wake('network');
          const last = watched.events.at(-1);
          return last?.type === 'disconnected' ? last.retryMs : 0;
        },
        { interval: 5 },
      )
      .toBeGreaterThan(40_000);
    // The connection that was lost, and the two that were refused since.
    expect(watched.events.filter(({ type }) => type === 'disconnected')).toHaveLength(3);
  });
});
