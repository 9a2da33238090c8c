import { describe, expect, it } from 'vitest';
import { createManualTime, type ManualTime } from '../../test/tools/manual-time.js';
import { createChannel, deadlineMs, errorOf, gate, useSenderFixture } from '../../test/tools/sender-fixture.js';
import { startToxicProxy } from '../../test/tools/toxic-proxy.js';

const fixture = useSenderFixture();

/** Comes back when what can happen at this time without a network has happened. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function endpoints(count: number): Promise<string[]> {
  const owners = Array.from({ length: count }, (_, index) => `${index}@${index}.example`);
  return await Promise.all(owners.map(async (owner) => (await createChannel(owner)).endpoint));
}

/** Lets time pass until `done`, a pause at a time. */
async function passUntil(time: ManualTime, done: () => boolean): Promise<void> {
  await expect
    .poll(() => {
      const pauses = time.sleepers().filter((ms) => ms < deadlineMs / 10);
      if (!done() && pauses.length > 0) time.pass(Math.min(...pauses));
      return done();
    })
    .toBe(true);
}

describe('a server that cannot be reached', () => {
  it('is tried by one push now and then, however many wait, and gets them all once it is there', async () => {
    const smtp = await fixture().startSmtp();
    const proxy = await startToxicProxy({ host: '127.0.0.1', port: smtp.port });
    const time = createManualTime();
    try {
      const up = proxy.add({ type: 'down' });
      let tries = 0;
      const debug = (): void => {
        tries += 1;
      };
      const runtime = { ...time.runtime, log: { ...time.runtime.log, debug } };
      const sender = fixture().senderTo({ ...smtp, port: proxy.port }, { runtime });
      let sent = 0;
      const sending = (await endpoints(40)).map(async (endpoint) => {
        await sender.send(endpoint, 'x');
        sent += 1;
      });
      // The five connections that there may be at once, and then one after each pause of some 1, 2, 4 and 8 seconds.
      await passUntil(time, () => tries >= 9);
      expect(time.runtime.monotonicMs()).toBeGreaterThan(10_000);
      expect(tries).toBeLessThan(12);
      up();
      await passUntil(time, () => sent === 40);
      await Promise.all(sending);
      expect(smtp.given).toHaveLength(40);
    } finally {
      await proxy.close();
    }
  });

  it('is the reason of a push that never had its turn', async () => {
    const smtp = await fixture().startSmtp();
    const proxy = await startToxicProxy({ host: '127.0.0.1', port: smtp.port });
    const time = createManualTime();
    try {
      proxy.add({ type: 'down' });
      const sender = fixture().senderTo({ ...smtp, port: proxy.port }, { runtime: time.runtime, connections: 1 });
      const [one = '', other = ''] = await endpoints(2);
      const first = errorOf(sender.send(one, 'x', { deadlineMs: 400 }));
      expect((await first).code).toBe('ERR_SMTP_UNAVAILABLE');
      const second = errorOf(sender.send(other, 'x', { deadlineMs: 400 }));
      await settle();
      time.pass(400);
      expect(await second).toMatchObject({
        code: 'ERR_SMTP_UNAVAILABLE',
        disposition: 'transient',
        endpoint: other,
      });
    } finally {
      await proxy.close();
    }
  });

  it('is not taken to be away still because of pushes that were given up meanwhile', async () => {
    const smtp = await fixture().startSmtp();
    const proxy = await startToxicProxy({ host: '127.0.0.1', port: smtp.port });
    const time = createManualTime();
    try {
      const up = proxy.add({ type: 'down' });
      const sender = fixture().senderTo({ ...smtp, port: proxy.port }, { runtime: time.runtime, connections: 1 });
      const [one = '', last = '', ...others] = await endpoints(5);
      expect((await errorOf(sender.send(one, 'x', { deadlineMs: 100 }))).code).toBe('ERR_SMTP_UNAVAILABLE');
      const givenUp = others.map((endpoint) => errorOf(sender.send(endpoint, 'x', { deadlineMs: 100 })));
      await settle();
      time.pass(100);
      await Promise.all(givenUp);
      up();
      const sending = sender.send(last, 'x');
      await settle();
      // What is left of the pause after the first try, a second or so: its end is enough.
      time.pass(Math.min(...time.sleepers()));
      await sending;
      expect(smtp.given).toHaveLength(1);
    } finally {
      await proxy.close();
    }
  });

  it('does not hold up the end of the sender', async () => {
    const smtp = await fixture().startSmtp();
    const proxy = await startToxicProxy({ host: '127.0.0.1', port: smtp.port });
    const time = createManualTime();
    try {
      proxy.add({ type: 'down' });
      const sender = fixture().senderTo({ ...smtp, port: proxy.port }, { runtime: time.runtime, retry: { most: 0 } });
      const [one = ''] = await endpoints(1);
      expect((await errorOf(sender.send(one, 'x'))).code).toBe('ERR_SMTP_UNAVAILABLE');
      await sender.close();
      expect(time.sleepers()).toEqual([]);
    } finally {
      await proxy.close();
    }
  });
});

describe('a login that is refused', () => {
  it('is not tried again by each push, and told to them at once', async () => {
    const smtp = await fixture().startSmtp({ login: { user: 'push', pass: 'right' } });
    const time = createManualTime();
    const url = `smtp://push:wrong@127.0.0.1:${smtp.port}`;
    const sender = fixture().senderTo(smtp, { smtp: url, runtime: time.runtime, connections: 1 });
    const [one = '', ...others] = await endpoints(6);
    expect(await errorOf(sender.send(one, 'x'))).toMatchObject({ code: 'ERR_SMTP_LOGIN', endpoint: one });
    for (const endpoint of others) {
      const error = await errorOf(sender.send(endpoint, 'x'));
      expect(error).toMatchObject({ code: 'ERR_SMTP_LOGIN', disposition: 'action-required', endpoint });
      expect(error.smtpResponse).toMatch(/^535 /);
    }
    expect(smtp.connections()).toBe(1);
    time.pass(10_000);
    await settle();
    await errorOf(sender.send(one, 'x'));
    expect(smtp.connections()).toBe(2);
  });
});

describe('a connection that is lost', () => {
  it('while the mail is on its way keeps no other push waiting', async () => {
    const [arrived, answer] = [gate(), gate()];
    const smtp = await fixture().startSmtp({
      onMail: async (_, count) => {
        if (count > 1) return undefined;
        arrived.open();
        await answer.opened;
        return 'drop';
      },
    });
    const time = createManualTime();
    const sender = fixture().senderTo(smtp, { runtime: time.runtime });
    const [one = '', other = ''] = await endpoints(2);
    const first = sender.send(one, 'x');
    await arrived.opened;
    answer.open();
    await expect.poll(() => time.sleepers().length).toBe(2);
    await sender.send(other, 'x');
    expect(smtp.given).toHaveLength(2);
    let sent = false;
    void first.then(() => {
      sent = true;
    });
    await passUntil(time, () => sent);
  });
});
