import { describe, expect, it } from 'vitest';
import { createManualTime, type ManualTime } from '../../test/tools/manual-time.js';
import {
  address,
  createChannel,
  deadlineMs,
  errorOf,
  fastRuntime,
  gate,
  now,
  useSenderFixture,
} from '../../test/tools/sender-fixture.js';
import type { Answer, TestSmtpServer } from '../../test/tools/test-smtp-server.js';
import { startToxicProxy } from '../../test/tools/toxic-proxy.js';
import { readMail } from '../notify-spec/index.js';
import { type Handshake, PushError } from './index.js';

const fixture = useSenderFixture();
const later = { code: 450, text: '4.2.0 Mailbox busy' };

/** Where one pushes to when the owner does not matter. */
async function endpointOf(owner: string): Promise<string> {
  return (await createChannel(owner)).endpoint;
}

/** Lets the shortest sleep end, as often as it takes until `done`. */
async function passUntil(time: ManualTime, done: () => boolean): Promise<void> {
  await expect
    .poll(() => {
      const pauses = time.sleepers().filter((ms) => ms < deadlineMs / 10);
      if (!done() && pauses.length > 0) time.pass(Math.min(...pauses));
      return done();
    })
    .toBe(true);
}

const recipients = (smtp: TestSmtpServer): string[] => smtp.given.map(({ to }) => to);

describe('a push whose connection was lost', () => {
  it('after the mail and before the answer goes out twice, byte for byte the same', async () => {
    const smtp = await fixture().startSmtp({
      onMail: (_, count) => {
        // The server has the mail, and its 250 gets lost.
        if (count === 1) proxy.reset();
        return undefined;
      },
    });
    const proxy = await startToxicProxy({ host: '127.0.0.1', port: smtp.port });
    try {
      const sender = fixture().senderTo({ ...smtp, port: proxy.port });
      const receipt = await sender.send(fixture().alice.endpoint, 'x', { id: 'once' });
      expect(smtp.given).toHaveLength(2);
      expect(smtp.given[0]?.raw).toEqual(smtp.given[1]?.raw);
      expect((await fixture().read(smtp.given[1]?.raw)).push.id).toBe('once');
      expect(smtp.given[1]?.raw.toString()).toContain(receipt.messageId);
    } finally {
      await proxy.close();
    }
  });

  it('goes out when the server is there again', async () => {
    const smtp = await fixture().startSmtp();
    const proxy = await startToxicProxy({ host: '127.0.0.1', port: smtp.port });
    const time = createManualTime();
    try {
      const up = proxy.add({ type: 'down' });
      const sender = fixture().senderTo({ ...smtp, port: proxy.port }, { runtime: time.runtime });
      const sending = sender.send(fixture().alice.endpoint, 'x');
      await expect.poll(() => time.sleepers().length).toBe(3);
      up();
      let sent = false;
      void sending.then(() => {
        sent = true;
      });
      await passUntil(time, () => sent);
      expect(smtp.given).toHaveLength(1);
    } finally {
      await proxy.close();
    }
  });
});

describe('the deadline of a push', () => {
  it('ends it with its last failure, as soon as no further try fits', async () => {
    const smtp = await fixture().startSmtp({ onMail: (_, count) => ({ ...later, text: `4.2.0 Busy ${count}` }) });
    const time = createManualTime();
    const sender = fixture().senderTo(smtp, { runtime: time.runtime });
    const sending = errorOf(sender.send(fixture().alice.endpoint, 'x', { deadlineMs: 20_000 }));
    let error: PushError | undefined;
    void sending.then((reason) => {
      error = reason;
    });
    await expect
      .poll(() => {
        // The first to lie down is the deadline.
        const [, pause] = time.sleepers();
        if (pause !== undefined) time.pass(pause);
        return error;
      })
      .toBeDefined();
    expect(error).toMatchObject({ code: 'ERR_SMTP_BUSY', disposition: 'transient' });
    expect(error?.smtpResponse).toBe(`450 4.2.0 Busy ${smtp.given.length}`);
    expect(smtp.given.length).toBeGreaterThan(3);
    expect(time.runtime.monotonicMs()).toBeLessThan(20_000);
    expect(new Set(smtp.given.map(({ raw }) => raw.toString())).size).toBe(1);
  });

  it('counts the time in the queue, and tells what may have been sent from what was not', async () => {
    const [arrived, answer] = [gate(), gate()];
    const smtp = await fixture().startSmtp({
      onMail: async () => {
        arrived.open();
        await answer.opened;
        return undefined;
      },
    });
    const time = createManualTime();
    const sender = fixture().senderTo(smtp, { runtime: time.runtime, connections: 1 });
    const first = errorOf(sender.send(fixture().alice.endpoint, 'first'));
    const sameChannel = errorOf(sender.send(fixture().alice.endpoint, 'second'));
    const otherChannel = errorOf(sender.send(await endpointOf('bob@example.org'), 'third'));
    const longer = sender.send(fixture().alice.endpoint, 'fourth', { deadlineMs: 2 * deadlineMs });
    await arrived.opened;
    time.pass(deadlineMs);
    const outcomes = await Promise.all([first, sameChannel, otherChannel]);
    expect(outcomes.map(({ code }) => code)).toEqual(['ERR_SMTP_UNAVAILABLE', 'ERR_SENDER_BUSY', 'ERR_SENDER_BUSY']);
    expect(outcomes.map(({ disposition }) => disposition)).toEqual(['transient', 'transient', 'transient']);
    expect(outcomes[0]?.message).toContain('may have taken');
    answer.open();
    await longer;
    expect(smtp.given).toHaveLength(2);
  });

  it('keeps the words of the last answer when a later try gets none', async () => {
    const [arrived, answer] = [gate(), gate()];
    const smtp = await fixture().startSmtp({
      onMail: async (_, count) => {
        if (count === 1) return later;
        arrived.open();
        await answer.opened;
        return undefined;
      },
    });
    const time = createManualTime();
    const sending = errorOf(fixture().senderTo(smtp, { runtime: time.runtime }).send(fixture().alice.endpoint, 'x'));
    await passUntil(time, () => smtp.given.length === 2);
    await arrived.opened;
    time.pass(deadlineMs);
    const error = await sending;
    expect(error).toMatchObject({ code: 'ERR_SMTP_UNAVAILABLE', smtpResponse: '450 4.2.0 Mailbox busy' });
    expect(error.cause).toBeInstanceOf(PushError);
    answer.open();
  });

  it('is not held up by a memory of handshakes that never answers', async () => {
    const smtp = await fixture().startSmtp();
    const never = new Promise<never>(() => {});
    const time = createManualTime();
    const asked = gate();
    const get = (): Promise<never> => {
      asked.open();
      return never;
    };
    const sender = fixture().senderTo(smtp, { runtime: time.runtime, handshakes: { get, set: () => {} } });
    const unread = errorOf(sender.send(fixture().alice.endpoint, 'x'));
    await asked.opened;
    time.pass(deadlineMs);
    expect((await unread).code).toBe('ERR_SENDER_BUSY');

    const noting = gate();
    const set = (_key: string, _handshake: Handshake): Promise<never> => {
      noting.open();
      return never;
    };
    const other = fixture().senderTo(smtp, { runtime: time.runtime, handshakes: { get: () => undefined, set } });
    const unwritten = other.send(fixture().alice.endpoint, 'x');
    await noting.opened;
    time.pass(deadlineMs);
    // The mail is taken: that the memory is not written down is no failure of it.
    expect((await unwritten).smtpResponse).toMatch(/^250 /);
  });
});

describe('a push whose TTL ends', () => {
  it('before the next try is given up, with the last failure as the cause', async () => {
    const smtp = await fixture().startSmtp({ onMail: () => later });
    const runtime = fastRuntime();
    const error = await errorOf(fixture().senderTo(smtp, { runtime }).send(fixture().alice.endpoint, 'x', { ttl: 0 }));
    expect(error).toMatchObject({
      code: 'ERR_PUSH_EXPIRED',
      disposition: 'rejected',
      smtpResponse: '450 4.2.0 Mailbox busy',
      cause: { code: 'ERR_SMTP_BUSY' },
      endpoint: fixture().alice.endpoint,
    });
    // A push with a TTL of 0 is delivered for a minute.
    expect(runtime.now() - now).toBeLessThan(60_000);
    expect(smtp.given.length).toBeGreaterThan(3);
  });

  it('while it waits for its turn is never sent', async () => {
    const [arrived, answer] = [gate(), gate()];
    const smtp = await fixture().startSmtp({
      onMail: async () => {
        arrived.open();
        await answer.opened;
        return undefined;
      },
    });
    const time = createManualTime();
    const sender = fixture().senderTo(smtp, { runtime: time.runtime });
    const first = sender.send(fixture().alice.endpoint, 'first');
    const second = errorOf(sender.send(fixture().alice.endpoint, 'second', { ttl: 60 }));
    await arrived.opened;
    time.pass(61_000);
    answer.open();
    await first;
    expect(await second).toMatchObject({ code: 'ERR_PUSH_EXPIRED', disposition: 'rejected' });
    expect((await second).cause).toBeUndefined();
    expect(smtp.given).toHaveLength(1);
  });
});

describe('a channel that fails again and again', () => {
  it('keeps its order, holds no connection while it waits, and no other channel up', async () => {
    const smtp = await fixture().startSmtp({
      onMail: ({ to }, count): Answer => (to === address && count < 6 ? later : undefined),
    });
    const time = createManualTime();
    const sender = fixture().senderTo(smtp, { runtime: time.runtime, connections: 1 });
    const first = sender.send(fixture().alice.endpoint, 'first');
    const second = sender.send(fixture().alice.endpoint, 'second');
    await expect.poll(() => recipients(smtp)).toEqual([address]);
    for (const owner of ['bob@example.org', 'carol@example.net']) await sender.send(await endpointOf(owner), 'x');
    expect(recipients(smtp)).toEqual([address, 'bob@example.org', 'carol@example.net']);
    let ended = 0;
    for (const sending of [first, second]) {
      void sending.then(() => {
        ended += 1;
      });
    }
    await passUntil(time, () => ended === 2);
    const ofAlice = smtp.given.filter(({ to }) => to === address).slice(-2);
    const payloads = await Promise.all(
      ofAlice.map(async ({ raw }) => (await fixture().read(raw, time.runtime.now())).payload),
    );
    expect(payloads.map((payload) => new TextDecoder().decode(payload))).toEqual(['first', 'second']);
  });
});

describe('a domain whose server asks for less', () => {
  it('pauses with all its channels, while other domains go on, and begins again with one mail', async () => {
    let isBusy = true;
    let [running, most] = [0, 0];
    const smtp = await fixture().startSmtp({
      onMail: async ({ to }) => {
        if (!to.endsWith('@example.org')) return undefined;
        if (isBusy) return { code: 451, text: '4.7.1 Too much mail from you' };
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return undefined;
      },
    });
    const time = createManualTime();
    const sender = fixture().senderTo(smtp, { runtime: time.runtime });
    const first = sender.send(fixture().alice.endpoint, 'x');
    await expect.poll(() => recipients(smtp)).toEqual([address]);
    await expect.poll(() => time.sleepers().length).toBe(2);
    const others = await Promise.all([1, 2, 3].map((name) => endpointOf(`${name}@example.org`)));
    const sending = others.map((endpoint) => sender.send(endpoint, 'x'));
    await sender.send(await endpointOf('carol@example.net'), 'x');
    expect(recipients(smtp)).toEqual([address, 'carol@example.net']);
    isBusy = false;
    let ended = 0;
    for (const each of [first, ...sending]) {
      void each.then(() => {
        ended += 1;
      });
    }
    await passUntil(time, () => ended === 4);
    // The first of them went alone, and no more than two while there were four.
    expect(most).toBeLessThanOrEqual(2);
    const { autocrypt } = await readMail(smtp.given[2]?.raw ?? new Uint8Array());
    expect(autocrypt).toHaveLength(1);
  });

  it('for longer than a push can wait is told at once, without the address of another', async () => {
    const smtp = await fixture().startSmtp({
      onMail: ({ to }) => ({ code: 421, text: `4.7.28 <${to}> rate limited` }),
    });
    const time = createManualTime();
    const sender = fixture().senderTo(smtp, { runtime: time.runtime });
    const first = errorOf(sender.send(fixture().alice.endpoint, 'x', { deadlineMs: 1000 }));
    expect(await first).toMatchObject({ code: 'ERR_SMTP_BUSY', smtpResponse: `421 4.7.28 <${address}> rate limited` });
    const other = await errorOf(sender.send(await endpointOf('bob@example.org'), 'x', { deadlineMs: 1000 }));
    expect(other).toMatchObject({ code: 'ERR_SMTP_BUSY', disposition: 'transient', smtpResponse: undefined });
    expect(smtp.given).toHaveLength(1);
  });

  it('leaves a connection to the others even when it answers nothing', async () => {
    const answer = gate();
    const smtp = await fixture().startSmtp({
      onMail: async ({ to }) => {
        if (to.endsWith('@slow.example')) await answer.opened;
        return undefined;
      },
    });
    const sender = fixture().senderTo(smtp, { connections: 3 });
    const slow = await Promise.all([1, 2, 3, 4].map((name) => endpointOf(`${name}@slow.example`)));
    const sending = slow.map((endpoint) => sender.send(endpoint, 'x'));
    await expect.poll(() => smtp.given.length).toBe(2);
    await sender.send(fixture().alice.endpoint, 'x');
    expect(recipients(smtp).filter((to) => to.endsWith('@slow.example'))).toHaveLength(2);
    answer.open();
    await Promise.all(sending);
  });
});
