import { describe, expect, it } from 'vitest';
import { createManualTime } from '../../../test/tools/manual-time.js';
import { ImapError, type MessageRef } from '../../imap/index.js';
import { type Courier, type CourierWork, createCourier, type Happening } from './courier.js';
import type { OpenedMail } from './judge.js';
import { initialChannelState, type Push, type Verdict } from './state.js';
import { recordRetryMs, reopenMs, settleRetryMs, unreachableFirstMs } from './timing.js';
import { nobody, type Trust } from './trust.js';

const noon = Date.UTC(2026, 0, 1, 12);
const hour = 3_600_000;
const pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([1]) };
const trust: Trust = { pin, next: undefined };
const at = (uid: number): MessageRef => ({ folder: 'INBOX', uidValidity: '7', uid });
const mail: OpenedMail = { kind: 'closed', reason: 'opened by a stand-in' };
const lost = new ImapError('ERR_IMAP_LOST', 'Gone.', { disposition: 'transient' });
const no = new ImapError('ERR_IMAP_REFUSED', 'No.', { disposition: 'transient' });

const pushOf = (id: string): Push => ({
  id,
  timestamp: noon / 1000,
  holdUntil: noon + hour,
  payload: new Uint8Array([1]),
  signer: pin,
  urgency: 'normal',
  topic: undefined,
  liveUntil: noon + hour,
  rememberUntil: noon + 2 * hour,
});

interface Asked {
  readonly what: string;
  readonly answer: (value?: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/** A courier whose work is done when the test says so. */
function createSetting() {
  const time = createManualTime();
  const asked: Asked[] = [];
  const happened: Happening['type'][] = [];
  const errors: unknown[] = [];
  let verdict: Verdict | undefined;
  const ask = <T>(what: string): Promise<T> =>
    new Promise((resolve, reject) => {
      asked.push({ what, answer: (value) => resolve(value as T), fail: reject });
    });
  const work: CourierWork = {
    open: ({ uid }, known) => ask(`open ${uid}${known.pin === undefined ? '' : ' pinned'}`),
    judge: () => {
      if (verdict === undefined) throw new Error('It cannot be judged.');
      return verdict;
    },
    deliver: ({ id }) => ask(`deliver ${id}`),
    record: ({ outcome: { kind } }) => ask(`record ${kind}`),
    remove: ({ uid }) => ask(`remove ${uid}`),
    leave: ({ uid }) => void asked.push({ what: `leave ${uid}`, answer: () => {}, fail: () => {} }),
    happened: ({ type }) => void happened.push(type),
    failed: (error) => void errors.push(error),
  };
  const initial = initialChannelState({ trust: nobody, retired: false, keepRejected: false });
  const courier: Courier = createCourier(initial, work, time.runtime);

  /** The one thing that was asked for and has no answer yet. */
  async function only(what: string): Promise<Asked> {
    await expect.poll(() => asked.map((one) => one.what)).toEqual([what]);
    const [one] = asked.splice(0);
    if (one === undefined) throw new Error('Nothing was asked for.');
    return one;
  }

  return {
    time,
    asked,
    happened,
    errors,
    courier,
    only,
    judgeAs: (next: Verdict | undefined) => {
      verdict = next;
    },
    /** Lets everything that is ready happen. */
    rest: () => new Promise<void>((resolve) => setImmediate(resolve)),
    /** Brings a push as far as its delivery. */
    deliver: async (uid: number, id: string): Promise<Asked> => {
      verdict = { kind: 'deliverable', push: pushOf(id), trust };
      const opening = courier.state.trust.pin === undefined ? `open ${uid}` : `open ${uid} pinned`;
      courier.dispatch({ type: 'found', messages: [at(uid)] });
      (await only(opening)).answer(mail);
      return await only(`deliver ${id}`);
    },
  };
}

describe('a courier', () => {
  it('carries a push through all its stages', async () => {
    const s = createSetting();
    (await s.deliver(1, 'x')).answer('accepted');
    (await s.only('record delivered')).answer();
    (await s.only('remove 1')).answer();
    await expect.poll(() => s.courier.state.pushes).toEqual([]);
    expect(s.happened).toEqual(['found', 'opened', 'accepted', 'recorded', 'removed']);
    expect(s.time.sleepers()).toEqual([]);
  });

  it('opens the next mail with the pin that the one before has brought', async () => {
    const s = createSetting();
    s.judgeAs({ kind: 'deliverable', push: pushOf('x'), trust });
    s.courier.dispatch({ type: 'found', messages: [at(1), at(2)] });
    (await s.only('open 1')).answer(mail);
    await s.only('open 2 pinned');
  });

  it('forgets a mail that is not there any more', async () => {
    const s = createSetting();
    s.courier.dispatch({ type: 'found', messages: [at(1)] });
    (await s.only('open 1')).answer(undefined);
    await expect.poll(() => s.courier.state.pushes).toEqual([]);
  });

  it('leaves a mail alone that does not open', async () => {
    const s = createSetting();
    s.judgeAs({ kind: 'unreadable', reason: 'no' });
    s.courier.dispatch({ type: 'found', messages: [at(1)] });
    (await s.only('open 1')).answer(mail);
    await s.only('leave 1');
    expect(s.courier.state.pushes).toEqual([]);
  });

  it('tries again later what has failed, and says why it failed', async () => {
    const s = createSetting();
    s.courier.dispatch({ type: 'found', messages: [at(1)] });
    (await s.only('open 1')).fail(lost);
    await expect.poll(() => s.time.sleepers()).toEqual([reopenMs]);
    s.time.pass(reopenMs);
    s.judgeAs({ kind: 'deliverable', push: pushOf('x'), trust: nobody });
    (await s.only('open 1')).answer(mail);
    (await s.only('deliver x')).answer('accepted');
    const full = new Error('full');
    (await s.only('record delivered')).fail(full);
    await expect.poll(() => s.time.sleepers()).toEqual([recordRetryMs]);
    s.time.pass(recordRetryMs);
    (await s.only('record delivered')).answer();
    (await s.only('remove 1')).fail(no);
    await expect.poll(() => s.time.sleepers()).toEqual([settleRetryMs]);
    expect(s.courier.state.pushes).toMatchObject([{ failures: 1 }]);
    expect(s.errors).toEqual([lost, full, no]);
  });

  it('counts only a no of the mail server against a mail', async () => {
    const s = createSetting();
    s.courier.dispatch({ type: 'found', messages: [at(1)] });
    (await s.only('open 1')).fail(lost);
    await expect.poll(() => s.courier.state.pushes).toMatchObject([{ failures: 0, stage: { name: 'found' } }]);
    s.time.pass(reopenMs);
    (await s.only('open 1')).fail(no);
    await expect.poll(() => s.courier.state.pushes).toMatchObject([{ failures: 1, stage: { name: 'found' } }]);
  });

  it('survives work that breaks', async () => {
    const s = createSetting();
    s.judgeAs(undefined);
    s.courier.dispatch({ type: 'found', messages: [at(1)] });
    (await s.only('open 1')).answer(mail);
    await expect.poll(() => s.time.sleepers()).toEqual([reopenMs]);
    s.judgeAs({ kind: 'deliverable', push: pushOf('x'), trust: nobody });
    s.time.pass(reopenMs);
    (await s.only('open 1')).answer(mail);
    (await s.only('deliver x')).fail(new Error('This channel is forgotten.'));
    await expect.poll(() => s.time.sleepers()).toEqual([unreachableFirstMs]);
    expect(s.errors).toHaveLength(2);
  });

  it('sleeps until the next thing is due, and no longer than a changed clock may matter', async () => {
    const s = createSetting();
    s.judgeAs({ kind: 'early', notBefore: noon + 24 * hour, until: noon + 48 * hour });
    s.courier.dispatch({ type: 'found', messages: [at(1)] });
    (await s.only('open 1')).answer(mail);
    await expect.poll(() => s.time.sleepers()).toEqual([300_000]);
    s.time.pass(300_000);
    await expect.poll(() => s.time.sleepers()).toEqual([300_000]);
    expect(s.asked).toEqual([]);
    // The clock is put right.
    s.time.pass(24 * hour);
    await s.only('open 1');
    expect(s.time.sleepers()).toEqual([]);
  });

  it('has one timer, whatever happens', async () => {
    const s = createSetting();
    (await s.deliver(1, 'x')).answer('unreachable');
    await expect.poll(() => s.time.sleepers()).toEqual([unreachableFirstMs]);
    for (let times = 0; times < 10; times += 1) s.courier.dispatch({ type: 'time passed' });
    expect(s.time.sleepers()).toEqual([unreachableFirstMs]);
    s.courier.dispatch({ type: 'app appeared' });
    await s.only('deliver x');
    expect(s.time.sleepers()).toEqual([]);
  });

  it('takes no harm from answers that come too late', async () => {
    const s = createSetting();
    const delivering = await s.deliver(1, 'x');
    s.courier.dispatch({ type: 'gone', message: at(1) });
    delivering.answer('accepted');
    const recording = await s.only('record delivered');
    s.courier.dispatch({ type: 'renumbered', folder: 'INBOX' });
    recording.answer();
    (await s.only('remove 1')).answer();
    await s.rest();
    expect([s.courier.state.pushes, s.asked]).toEqual([[], []]);
  });
});

describe('a courier that closes', () => {
  it('is closed at once when nothing is under way, and asks for nothing more', async () => {
    const s = createSetting();
    (await s.deliver(1, 'x')).answer('unreachable');
    await expect.poll(() => s.time.sleepers()).toEqual([unreachableFirstMs]);
    await s.courier.close();
    expect(s.time.sleepers()).toEqual([]);
    s.courier.dispatch({ type: 'app appeared' });
    s.courier.dispatch({ type: 'found', messages: [at(2)] });
    await s.rest();
    expect([s.asked, s.time.sleepers()]).toEqual([[], []]);
  });

  it('waits for the answer of the app and writes down that it has accepted', async () => {
    const s = createSetting();
    const delivering = await s.deliver(1, 'x');
    let isClosed = false;
    const closing = s.courier.close().then(() => {
      isClosed = true;
    });
    delivering.answer('accepted');
    const recording = await s.only('record delivered');
    await s.rest();
    expect(isClosed).toBe(false);
    recording.answer();
    await closing;
    await s.rest();
    expect(s.asked).toEqual([]);
  });

  it.each(['refused', 'unreachable'] as const)('does not try again when the app is %s', async (answer) => {
    const s = createSetting();
    const delivering = await s.deliver(1, 'x');
    const closing = s.courier.close();
    delivering.answer(answer);
    await closing;
    expect([s.asked, s.time.sleepers()]).toEqual([[], []]);
  });

  it('does not wait for mails that are being opened or removed', async () => {
    const s = createSetting();
    (await s.deliver(1, 'x')).answer('accepted');
    (await s.only('record delivered')).answer();
    const removing = await s.only('remove 1');
    s.courier.dispatch({ type: 'found', messages: [at(2)] });
    const opening = await s.only('open 2 pinned');
    await s.courier.close();
    removing.fail(lost);
    opening.answer(mail);
    await s.rest();
    expect([s.asked, s.time.sleepers()]).toEqual([[], []]);
  });
});
