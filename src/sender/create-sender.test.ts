import { createECDH, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import {
  address,
  createChannel,
  deadlineMs,
  errorOf,
  everyByte,
  fastRuntime,
  from,
  gate,
  now,
  useSenderFixture,
} from '../../test/tools/sender-fixture.js';
import { armorPrivateKey, chooseAutocrypt, generateKey, parsePublicKey } from '../crypto/index.js';
import { formatChannel, formatEndpoint, limits, readMail } from '../notify-spec/index.js';
import { createRuntime, type Runtime } from '../runtime.js';
import { createSender, PushError } from './index.js';

const fixture = useSenderFixture();

describe('a push', () => {
  it('arrives as it was sent, signed by its sender, with the id of its receipt', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp, { key: armorPrivateKey(fixture().senderKey) });
    const options = { ttl: 60, urgency: 'high', topic: 'news' } as const;
    const receipt = await sender.send(fixture().alice.endpoint, 'hello', options);
    const [mail] = smtp.given;
    expect(mail).toMatchObject({ from, to: address });
    const inner = await fixture().read(mail?.raw);
    expect(inner).toMatchObject({ from, to: address, payload: new TextEncoder().encode('hello') });
    expect(inner.push).toMatchObject({
      id: receipt.id,
      timestamp: now / 1000,
      ttlSeconds: 60,
      urgency: 'high',
      topic: 'news',
    });
    expect(mail?.raw.toString()).toContain(`Message-ID: ${receipt.messageId}\r\n`);
    expect(receipt.smtpResponse).toMatch(/^250 /);
  });

  it('has the defaults of web-push, and takes its TTL by either name', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp);
    for (const options of [{}, { TTL: 0 }, { TTL: 9e9 }]) await sender.send(fixture().alice.endpoint, 'x', options);
    const pushes = await Promise.all(smtp.given.map(async ({ raw }) => (await fixture().read(raw)).push));
    expect(pushes.map(({ ttlSeconds }) => ttlSeconds)).toEqual([2_419_200, 0, 2_419_200]);
    expect(pushes[0]).toMatchObject({ urgency: 'normal' });
    expect(new Set(pushes.map(({ id }) => id)).size).toBe(3);
  });

  it('carries the key of its sender', async () => {
    const smtp = await fixture().startSmtp();
    await fixture().senderTo(smtp).send(fixture().alice.endpoint, 'x');
    const { autocrypt } = await readMail(smtp.given[0]?.raw ?? new Uint8Array());
    const header = chooseAutocrypt(autocrypt);
    expect(header).toMatchObject({ address: from, preferEncrypt: 'mutual' });
    const key = await parsePublicKey(header?.keydata ?? new Uint8Array());
    expect(key.fingerprint).toBe(fixture().senderKey.fingerprint);
  });

  it('may be of 1 to 4096 bytes of any value', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp);
    await sender.send(fixture().alice.endpoint, everyByte);
    await sender.send(fixture().alice.endpoint, everyByte.slice(0, 1));
    expect((await fixture().read(smtp.given[0]?.raw)).payload).toEqual(everyByte);
    expect((await fixture().read(smtp.given[1]?.raw)).payload).toEqual(everyByte.slice(0, 1));
  });

  it('is small: 200 bytes make 2.5 kB, and 4096 make 7.2 kB besides the key of its sender', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp);
    await sender.send(fixture().alice.endpoint, randomBytes(200));
    await sender.send(fixture().alice.endpoint, randomBytes(4096));
    const [small = '', large = ''] = smtp.given.map(({ raw }) => raw.toString());
    const withoutKey = (mail: string): number => mail.replace(/^Autocrypt: .*\r\n(?: .*\r\n)*/m, '').length;
    expect(small.length).toBeLessThanOrEqual(2500);
    expect(withoutKey(small)).toBeLessThanOrEqual(1800);
    expect(withoutKey(large)).toBeLessThanOrEqual(7200);
  });

  it('is encrypted for the app behind a Web Push subscription', async () => {
    const smtp = await fixture().startSmtp();
    const privateKey = createECDH('prime256v1');
    const p256dh = privateKey.generateKeys('base64url');
    const auth = randomBytes(16).toString('base64url');
    const target = { endpoint: fixture().alice.endpoint, expirationTime: null, keys: { p256dh, auth } };
    const sender = fixture().senderTo(smtp);
    await sender.send(target, everyByte.slice(0, 3993));
    const { push, payload } = await fixture().read(smtp.given[0]?.raw);
    expect(push.contentCoding).toBe('aes128gcm');
    expect(payload).toHaveLength(limits.payloadBytes);
    const ece = createRequire(import.meta.url)('http_ece');
    const plain = ece.decrypt(Buffer.from(payload), { version: 'aes128gcm', privateKey, authSecret: auth });
    expect(new Uint8Array(plain)).toEqual(everyByte.slice(0, 3993));
    expect((await errorOf(sender.send(target, everyByte.slice(0, 3994)))).code).toBe('ERR_PAYLOAD_TOO_LARGE');

    await sender.send({ endpoint: fixture().alice.endpoint }, 'not encrypted twice');
    expect((await fixture().read(smtp.given[1]?.raw)).push.contentCoding).toBeUndefined();
  });
});

describe('nothing is sent', () => {
  const web = 'https://push.example.org/p/abc';

  it.each([
    ['an empty payload', '', {}, 'ERR_PAYLOAD_EMPTY'],
    ['4097 bytes', new Uint8Array(4097), {}, 'ERR_PAYLOAD_TOO_LARGE'],
    ['4097 bytes of UTF-8', 'ü'.repeat(2049), {}, 'ERR_PAYLOAD_TOO_LARGE'],
    ['a negative TTL', 'x', { TTL: -1 }, 'ERR_OPTION_INVALID'],
    ['a broken TTL', 'x', { ttl: 1.5 }, 'ERR_OPTION_INVALID'],
    ['two TTLs', 'x', { ttl: 1, TTL: 2 }, 'ERR_OPTION_INVALID'],
    ['an urgency that is none', 'x', { urgency: 'urgent' }, 'ERR_OPTION_INVALID'],
    ['a topic that is none', 'x', { topic: 'a b' }, 'ERR_OPTION_INVALID'],
    ['a long topic', 'x', { topic: 'x'.repeat(33) }, 'ERR_OPTION_INVALID'],
  ])('with %s', async (_, payload, options, code) => {
    const smtp = await fixture().startSmtp();
    const error = await errorOf(
      fixture()
        .senderTo(smtp)
        .send(fixture().alice.endpoint, payload, options as object),
    );
    expect(error).toMatchObject({ code, disposition: 'rejected', endpoint: fixture().alice.endpoint });
    expect(smtp.connections()).toBe(0);
  });

  it.each([
    ['nothing', ''],
    ['a plain address', address],
    ['a mailto URI without a channel', `mailto:${address}`],
    ['a Web Push URL', web],
    ['a subscription with a Web Push URL', { endpoint: web, keys: { p256dh: '', auth: '' } }],
    ['undefined', undefined],
  ])('to %s', async (_, target) => {
    const smtp = await fixture().startSmtp();
    const error = await errorOf(
      fixture()
        .senderTo(smtp)
        .send(target as string, 'x'),
    );
    expect(error).toMatchObject({ code: 'ERR_ENDPOINT_INVALID', disposition: 'rejected' });
    expect(smtp.connections()).toBe(0);
  });

  it('to an endpoint whose key is none, or to a subscription whose keys are none', async () => {
    const smtp = await fixture().startSmtp();
    const channel = formatChannel(randomBytes(20));
    for (const autocrypt of ['x', `addr=${address}; keydata=AAAA`]) {
      const error = await errorOf(fixture().senderTo(smtp).send(formatEndpoint({ address, channel, autocrypt }), 'x'));
      expect(error.code).toBe('ERR_ENDPOINT_INVALID');
    }
    const keys = { p256dh: 'AAAA', auth: 'AAAA' };
    const error = await errorOf(fixture().senderTo(smtp).send({ endpoint: fixture().alice.endpoint, keys }, 'x'));
    expect(error.code).toBe('ERR_ENDPOINT_INVALID');
    expect(smtp.connections()).toBe(0);
  });

  it('with a key that is none, or is for another address', async () => {
    const smtp = await fixture().startSmtp();
    const other = await generateKey({ address: 'eve@example.org', now });
    for (const key of ['no key', armorPrivateKey(other), other]) {
      const error = await errorOf(fixture().senderTo(smtp, { key }).send(fixture().alice.endpoint, 'x'));
      expect(error).toMatchObject({ code: 'ERR_KEY_INVALID', disposition: 'action-required' });
    }
    expect(smtp.connections()).toBe(0);
  });

  it('by a sender whose options are not valid', () => {
    const good = { smtp: 'smtps://mail.example.org', from, key: fixture().senderKey };
    for (const bad of [
      { from: 'Push <push@app.example>' },
      { smtp: 'mail.example.org' },
      { connections: 0 },
      { connections: 1.5 },
      { deadlineMs: 0 },
      { deadlineMs: 86_400_001 },
      { retry: { most: -1 } },
      { retry: { firstPauseMs: 0 } },
      { retry: { longestPauseMs: 1.5 } },
      { connections: 101 },
      { pacing: { perDomain: 0 } },
      { pacing: { perDomainPerMinute: 0 } },
      { pacing: 5 as never },
    ]) {
      expect(() => createSender({ ...good, ...bad })).toThrow(PushError);
    }
  });
});

describe('many pushes', () => {
  it('to one channel go out one at a time in call order', async () => {
    const smtp = await fixture().startSmtp({
      onMail: async () => void (await new Promise((resolve) => setImmediate(resolve))),
    });
    const sender = fixture().senderTo(smtp);
    const receipts = await Promise.all(
      Array.from({ length: 12 }, (_, index) => sender.send(fixture().alice.endpoint, `${index}`)),
    );
    const pushes = await Promise.all(smtp.given.map(({ raw }) => fixture().read(raw)));
    expect(pushes.map(({ push }) => push.id)).toEqual(receipts.map(({ id }) => id));
    expect(pushes.map(({ payload }) => new TextDecoder().decode(payload))).toEqual([...Array(12).keys()].map(String));
    expect(smtp.connections()).toBe(1);
  });

  it('to many channels go out side by side, as many as there are connections', async () => {
    const allThere = gate();
    let [running, most] = [0, 0];
    const smtp = await fixture().startSmtp({
      onMail: async () => {
        running += 1;
        most = Math.max(most, running);
        if (running === 3) allThere.open();
        await allThere.opened;
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return undefined;
      },
    });
    const owners = Array.from({ length: 9 }, (_, index) => `alice@${index % 3}.example.org`);
    const channels = await Promise.all(owners.map((owner) => createChannel(owner)));
    const sender = fixture().senderTo(smtp, { connections: 3 });
    const results = await sender.sendEach(channels.map(({ endpoint }) => ({ target: endpoint, payload: 'x' })));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(most).toBe(3);
    expect(smtp.connections()).toBe(3);
  });

  it('are read from an iterable only as fast as they are sent, one result for each', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp, { connections: 1 });
    let [begun, most] = [0, 0];
    async function* messages(): AsyncGenerator<{ target: string; payload: string }> {
      for (let index = 0; index < 80; index += 1) {
        begun += 1;
        most = Math.max(most, begun - smtp.given.length);
        yield { target: fixture().alice.endpoint, payload: `${index}` };
      }
    }
    const results = await sender.sendEach(messages());
    expect(results.map(({ ok }) => ok)).toEqual(Array(80).fill(true));
    expect(most).toBeLessThanOrEqual(42);
  });

  it('to one domain may take half of the places, and have them back when they have ended', async () => {
    const smtp = await fixture().startSmtp({ onMail: () => new Promise(() => {}) });
    const sender = fixture().senderTo(smtp);
    const [controller, late] = [new AbortController(), new AbortController()];
    const { signal } = controller;
    const [alice, other] = [fixture().alice.endpoint, (await createChannel('bob@example.net')).endpoint];
    const push = (endpoint: string): Promise<string> =>
      sender.send(endpoint, 'x', { signal }).then(
        () => 'sent',
        ({ code }: PushError) => code,
      );
    const sending = Array.from({ length: 5000 }, () => push(alice));
    expect(await push(alice)).toBe('ERR_SENDER_BUSY');
    const others = [push(other)];
    await expect.poll(() => smtp.given.length).toBe(2);
    controller.abort();
    expect(new Set(await Promise.all([...sending, ...others]))).toEqual(new Set(['ERR_ABORTED']));
    // All but those on their way have left.
    const again = errorOf(sender.send(alice, 'x', { signal: late.signal }));
    late.abort();
    expect((await again).code).toBe('ERR_ABORTED');
  });

  it('of an iterable that fails are finished before it is told', async () => {
    const smtp = await fixture().startSmtp();
    function* messages(): Generator<{ target: string; payload: string }> {
      yield { target: fixture().alice.endpoint, payload: 'x' };
      throw new RangeError('no more');
    }
    await expect(fixture().senderTo(smtp).sendEach(messages())).rejects.toThrow(RangeError);
    expect(smtp.given).toHaveLength(1);
  });
});

describe('aborting', () => {
  it('before the call sends nothing', async () => {
    const smtp = await fixture().startSmtp();
    const signal = AbortSignal.abort(new Error('shutting down'));
    const error = await errorOf(fixture().senderTo(smtp).send(fixture().alice.endpoint, 'x', { signal }));
    expect(error).toMatchObject({ code: 'ERR_ABORTED', disposition: 'transient', endpoint: fixture().alice.endpoint });
    expect(smtp.connections()).toBe(0);
  });

  it('a push on its way rejects at once, one that waits is never sent, and the next keeps its turn', async () => {
    const [arrived, answer] = [gate(), gate()];
    const smtp = await fixture().startSmtp({
      onMail: async () => {
        arrived.open();
        await answer.opened;
        return undefined;
      },
    });
    const sender = fixture().senderTo(smtp);
    const controller = new AbortController();
    const { signal } = controller;
    const first = errorOf(sender.send(fixture().alice.endpoint, 'first', { signal }));
    const second = errorOf(sender.send(fixture().alice.endpoint, 'second', { signal }));
    const third = sender.send(fixture().alice.endpoint, 'third');
    await arrived.opened;
    controller.abort();
    expect((await first).code).toBe('ERR_ABORTED');
    expect((await second).code).toBe('ERR_ABORTED');
    expect(smtp.given).toHaveLength(1);
    answer.open();
    await third;
    const payloads = await Promise.all(smtp.given.map(async ({ raw }) => (await fixture().read(raw)).payload));
    expect(payloads.map((payload) => new TextDecoder().decode(payload))).toEqual(['first', 'third']);
  });

  it('many pushes by one signal is no leak', async () => {
    const smtp = await fixture().startSmtp({ onMail: () => new Promise(() => {}) });
    const sender = fixture().senderTo(smtp);
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    const controller = new AbortController();
    const { signal } = controller;
    const sending = Array.from({ length: 30 }, () => errorOf(sender.send(fixture().alice.endpoint, 'x', { signal })));
    await expect.poll(() => smtp.given.length).toBe(1);
    controller.abort();
    for (const error of await Promise.all(sending)) expect(error.code).toBe('ERR_ABORTED');
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it('ends the pause before another try', async () => {
    const smtp = await fixture().startSmtp({ onMail: () => ({ code: 450, text: 'Later' }) });
    const controller = new AbortController();
    const { sleep } = createRuntime();
    const runtime: Runtime = {
      ...fastRuntime(),
      sleep: async (ms, signal) => {
        if (ms === deadlineMs) return await sleep(ms, signal);
        const pause = sleep(600_000, signal);
        controller.abort();
        await pause;
      },
    };
    const error = await errorOf(
      fixture().senderTo(smtp, { runtime }).send(fixture().alice.endpoint, 'x', { signal: controller.signal }),
    );
    expect(error.code).toBe('ERR_ABORTED');
    expect(smtp.given).toHaveLength(1);
  });
});

describe('closing', () => {
  it('waits for the pushes that were taken, takes no more, and leaves no connection', async () => {
    const [arrived, answer] = [gate(), gate()];
    const smtp = await fixture().startSmtp({
      onMail: async () => {
        arrived.open();
        await answer.opened;
        return undefined;
      },
    });
    const sender = fixture().senderTo(smtp);
    const sending = [sender.send(fixture().alice.endpoint, 'one'), sender.send(fixture().alice.endpoint, 'two')];
    await arrived.opened;
    let closed = false;
    const closing = Promise.all([sender.close(), sender.close()]).then(() => {
      closed = true;
    });
    expect((await errorOf(sender.send(fixture().alice.endpoint, 'late'))).code).toBe('ERR_SENDER_CLOSED');
    expect(closed).toBe(false);
    answer.open();
    await closing;
    expect(await Promise.all(sending)).toHaveLength(2);
    expect(smtp.given).toHaveLength(2);
    await expect.poll(() => smtp.open()).toBe(0);
  });

  it('does not wait for a push that was given up', async () => {
    const [arrived, never] = [gate(), gate()];
    const smtp = await fixture().startSmtp({
      onMail: async () => {
        arrived.open();
        await never.opened;
        return undefined;
      },
    });
    const sender = fixture().senderTo(smtp);
    const controller = new AbortController();
    const sending = errorOf(sender.send(fixture().alice.endpoint, 'x', { signal: controller.signal }));
    await arrived.opened;
    controller.abort();
    expect((await sending).code).toBe('ERR_ABORTED');
    await sender.close();
    await expect.poll(() => smtp.open()).toBe(0);
    never.open();
  });

  it('is at once when nothing was sent', async () => {
    await createSender({ smtp: 'smtps://mail.example.org', from, key: fixture().senderKey }).close();
  });
});
