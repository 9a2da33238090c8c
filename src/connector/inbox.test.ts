import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BusError, errorNames } from '../dbus/index.js';
import { Inbox } from './inbox.js';

const soon = 1;
const never = Number.POSITIVE_INFINITY;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function errorName(promise: Promise<unknown>): Promise<string | undefined> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BusError);
  return (error as BusError).errorName;
}

it('answers a message when it is accepted, not when it is taken', async () => {
  const inbox = new Inbox();
  let answered = false;
  const answer = inbox.offer('1', bytes('one'), never).then(() => {
    answered = true;
  });
  const message = await inbox.take();
  expect(message).toMatchObject({ id: '1', data: bytes('one') });
  expect(answered).toBe(false);
  if (message !== undefined) inbox.accept(message);
  await answer;
  expect(inbox.isEmpty).toBe(true);
});

it('refuses a message that nobody takes, and forgets it', async () => {
  const inbox = new Inbox();
  expect(await errorName(inbox.offer('1', bytes('one'), soon))).toBe(errorNames.timedOut);
  expect(inbox.isEmpty).toBe(true);
});

it('refuses the sixty-fifth message that waits', async () => {
  const inbox = new Inbox();
  for (let index = 0; index < 64; index++) inbox.offer(`${index}`, bytes('x'), never).catch(() => {});
  expect(await errorName(inbox.offer('one more', bytes('x'), never))).toBe(errorNames.limitsExceeded);
  inbox.end();
});

it('gives a message that was put back before all others', async () => {
  const inbox = new Inbox();
  const answers = ['1', '2'].map((id) => inbox.offer(id, bytes(id), never));
  const first = await inbox.take();
  if (first !== undefined) inbox.putBack(first);
  for (const id of ['1', '2']) {
    const message = await inbox.take();
    expect(message?.id).toBe(id);
    if (message !== undefined) inbox.accept(message);
  }
  await Promise.all(answers);
});

it('does not give twice what comes again while it is in hand, and answers both', async () => {
  const inbox = new Inbox();
  const tries = [inbox.offer('1', bytes('one'), never)];
  const message = await inbox.take();
  tries.push(inbox.offer('1', bytes('one'), never));
  if (message !== undefined) inbox.accept(message);
  await Promise.all(tries);
  expect(inbox.isEmpty).toBe(true);
});

it('does not take another message for the same one because of its id', async () => {
  const inbox = new Inbox();
  for (const text of ['one', 'two']) inbox.offer('same', bytes(text), never).catch(() => {});
  for (const text of ['one', 'two']) expect((await inbox.take())?.data).toEqual(bytes(text));
  inbox.end();
});

it('accepts the next try at once when the answer to the first came too late', async () => {
  const inbox = new Inbox();
  const first = inbox.offer('1', bytes('one'), soon);
  const message = await inbox.take();
  expect(await errorName(first)).toBe(errorNames.timedOut);
  if (message !== undefined) inbox.accept(message);
  await inbox.offer('1', bytes('one'), never);
  expect(inbox.isEmpty).toBe(true);
});

it('gives out what it has when it is drained, then nothing', async () => {
  const inbox = new Inbox();
  inbox.offer('1', bytes('one'), never).catch(() => {});
  inbox.drain();
  expect((await inbox.take())?.id).toBe('1');
  expect(await inbox.take()).toBeUndefined();
  expect(await errorName(inbox.offer('2', bytes('two'), never))).toBe(errorNames.failed);
  inbox.end();
});

it('refuses what it has when it ends, and tells those who wait why', async () => {
  const inbox = new Inbox();
  const taken = inbox.offer('1', bytes('one'), never);
  await inbox.take();
  const waiting = inbox.take();
  inbox.end(new Error('the bus is gone'));
  await expect(waiting).rejects.toThrow('the bus is gone');
  await expect(inbox.take()).rejects.toThrow('the bus is gone');
  expect(await errorName(taken)).toBe(errorNames.failed);
});

it('stops waiting when the signal is aborted, and loses nothing by it', async () => {
  const inbox = new Inbox();
  const controller = new AbortController();
  const waiting = inbox.take(controller.signal);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(inbox.take(controller.signal)).rejects.toThrow('enough');
  inbox.offer('1', bytes('one'), never).catch(() => {});
  expect((await inbox.take())?.id).toBe('1');
  inbox.end();
});

it('answers each message once, whatever the order of events', async () => {
  type Event = 'offer' | 'take' | 'accept' | 'putBack';
  const events = fc.array(fc.constantFrom<Event>('offer', 'take', 'accept', 'putBack'), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(events, async (list) => {
      const inbox = new Inbox();
      const answers: Promise<string>[] = [];
      const takes: ReturnType<Inbox['take']>[] = [];
      const accepted: string[] = [];
      for (const event of list) {
        if (event === 'offer') {
          const id = `${answers.length}`;
          answers.push(
            inbox.offer(id, bytes(id), never).then(
              () => id,
              () => `refused ${id}`,
            ),
          );
        } else if (event === 'take' && takes.length + accepted.length < answers.length) takes.push(inbox.take());
        else if (takes.length > 0 && event !== 'take') {
          const message = await takes.shift();
          if (message === undefined) continue;
          if (event === 'putBack') inbox.putBack(message);
          else {
            accepted.push(message.id);
            inbox.accept(message);
          }
        }
      }
      inbox.end();
      const settled = await Promise.all(answers);
      expect(settled.filter((one) => !one.startsWith('refused')).sort()).toEqual([...accepted].sort());
      expect(new Set(accepted).size).toBe(accepted.length);
    }),
  );
});
