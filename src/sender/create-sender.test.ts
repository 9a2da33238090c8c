import { createECDH, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  startTestSmtp,
  type TestSmtpBehaviour,
  type TestSmtpServer,
} from '../../test/tools/test-smtp-server.js';
import {
  armorPrivateKey,
  chooseAutocrypt,
  formatAutocrypt,
  generateKey,
  open,
  type PrivateKey,
  parsePublicKey,
} from '../crypto/index.js';
import { formatChannel, formatEndpoint, limits, readInner, readMail } from '../notify-spec/index.js';
import { createRuntime, type Runtime } from '../runtime.js';
import { createSender, PushError, type Sender, type SenderOptions } from './index.js';

const now = Date.UTC(2025, 0, 15, 13, 37);
const from = 'push@app.example';
const address = 'alice@example.org';
const everyByte = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);

interface Channel {
  readonly key: PrivateKey;
  readonly endpoint: string;
}

let senderKey: PrivateKey;
let armoredKey: string;
let alice: Channel;
const closeAtEnd: (() => Promise<void>)[] = [];

async function createChannel(): Promise<Channel> {
  const key = await generateKey({ address, now });
  const autocrypt = formatAutocrypt({ address, keydata: key.publicKey.keydata });
  return { key, endpoint: formatEndpoint({ address, channel: formatChannel(randomBytes(20)), autocrypt }) };
}

beforeAll(async () => {
  senderKey = await generateKey({ address: from, now });
  armoredKey = armorPrivateKey(senderKey);
  alice = await createChannel();
});

afterEach(async () => {
  for (const close of closeAtEnd.splice(0).reverse()) await close();
});

async function startSmtp(behaviour: TestSmtpBehaviour = {}): Promise<TestSmtpServer> {
  const smtp = await startTestSmtp(behaviour);
  closeAtEnd.push(smtp.close);
  return smtp;
}

/** A runtime whose pauses take no time; it notes them. */
function fastRuntime(): Runtime & { pauses: number[] } {
  const pauses: number[] = [];
  const sleep = async (ms: number): Promise<void> => void pauses.push(ms);
  return { ...createRuntime(), now: () => now, sleep, pauses };
}

function senderTo(smtp: TestSmtpServer, options: Partial<SenderOptions> = {}): Sender {
  const url = `smtp://127.0.0.1:${smtp.port}`;
  const sender = createSender({ smtp: url, from, key: senderKey, runtime: fastRuntime(), ...options });
  closeAtEnd.push(sender.close);
  return sender;
}

async function errorOf(promise: Promise<unknown>): Promise<PushError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PushError);
  return error as PushError;
}

async function read(raw: Uint8Array, key: PrivateKey = alice.key): Promise<ReturnType<typeof readInner>> {
  const { armored } = await readMail(raw);
  const { data, signature } = await open(armored, { key, signers: [senderKey.publicKey], now });
  expect(signature.state).toBe('valid');
  return readInner(data);
}

/** Something that can be waited for and let go from outside. */
function gate(): { opened: Promise<void>; open: () => void } {
  let release = (): void => {};
  const opened = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { opened, open: release };
}

describe('a push', () => {
  it('arrives as it was sent, signed by its sender, with the id of its receipt', async () => {
    const smtp = await startSmtp();
    const sender = senderTo(smtp, { key: armoredKey });
    const options = { ttl: 60, urgency: 'high', topic: 'news' } as const;
    const receipt = await sender.send(alice.endpoint, 'hello', options);
    const [mail] = smtp.given;
    expect(mail).toMatchObject({ from, to: address });
    const inner = await read(mail?.raw ?? Buffer.alloc(0));
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
    const smtp = await startSmtp();
    const sender = senderTo(smtp);
    for (const options of [{}, { TTL: 0 }, { TTL: 9e9 }]) await sender.send(alice.endpoint, 'x', options);
    const pushes = await Promise.all(smtp.given.map(async ({ raw }) => (await read(raw)).push));
    expect(pushes.map(({ ttlSeconds }) => ttlSeconds)).toEqual([2_419_200, 0, 2_419_200]);
    expect(pushes[0]).toMatchObject({ urgency: 'normal' });
    expect(new Set(pushes.map(({ id }) => id)).size).toBe(3);
  });

  it('carries the key of its sender', async () => {
    const smtp = await startSmtp();
    await senderTo(smtp).send(alice.endpoint, 'x');
    const { autocrypt } = await readMail(smtp.given[0]?.raw ?? Buffer.alloc(0));
    const header = chooseAutocrypt(autocrypt);
    expect(header).toMatchObject({ address: from, preferEncrypt: 'mutual' });
    const key = await parsePublicKey(header?.keydata ?? new Uint8Array());
    expect(key.fingerprint).toBe(senderKey.fingerprint);
  });

  it('may be of 1 to 4096 bytes of any value', async () => {
    const smtp = await startSmtp();
    const sender = senderTo(smtp);
    await sender.send(alice.endpoint, everyByte);
    await sender.send(alice.endpoint, everyByte.slice(0, 1));
    expect((await read(smtp.given[0]?.raw ?? Buffer.alloc(0))).payload).toEqual(everyByte);
    expect((await read(smtp.given[1]?.raw ?? Buffer.alloc(0))).payload).toEqual(everyByte.slice(0, 1));
  });

  it('is small: 200 bytes make 2.5 kB, and 4096 make 7.2 kB besides the key of its sender', async () => {
    const smtp = await startSmtp();
    const sender = senderTo(smtp);
    await sender.send(alice.endpoint, randomBytes(200));
    await sender.send(alice.endpoint, randomBytes(4096));
    const [small = '', large = ''] = smtp.given.map(({ raw }) => raw.toString());
    const withoutKey = (mail: string): number => mail.replace(/^Autocrypt: .*\r\n(?: .*\r\n)*/m, '').length;
    expect(small.length).toBeLessThanOrEqual(2500);
    expect(withoutKey(small)).toBeLessThanOrEqual(1800);
    expect(withoutKey(large)).toBeLessThanOrEqual(7200);
  });

  it('is encrypted for the app behind a Web Push subscription', async () => {
    const smtp = await startSmtp();
    const privateKey = createECDH('prime256v1');
    const p256dh = privateKey.generateKeys('base64url');
    const auth = randomBytes(16).toString('base64url');
    const target = { endpoint: alice.endpoint, expirationTime: null, keys: { p256dh, auth } };
    const sender = senderTo(smtp);
    await sender.send(target, everyByte.slice(0, 3993));
    const { push, payload } = await read(smtp.given[0]?.raw ?? Buffer.alloc(0));
    expect(push.contentCoding).toBe('aes128gcm');
    expect(payload).toHaveLength(limits.payloadBytes);
    const ece = createRequire(import.meta.url)('http_ece');
    const plain = ece.decrypt(Buffer.from(payload), { version: 'aes128gcm', privateKey, authSecret: auth });
    expect(new Uint8Array(plain)).toEqual(everyByte.slice(0, 3993));
    expect((await errorOf(sender.send(target, everyByte.slice(0, 3994)))).code).toBe('ERR_PAYLOAD_TOO_LARGE');

    await sender.send({ endpoint: alice.endpoint }, 'not encrypted twice');
    expect((await read(smtp.given[1]?.raw ?? Buffer.alloc(0))).push.contentCoding).toBeUndefined();
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
    const smtp = await startSmtp();
    const error = await errorOf(senderTo(smtp).send(alice.endpoint, payload, options as object));
    expect(error).toMatchObject({ code, disposition: 'rejected', endpoint: alice.endpoint });
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
    const smtp = await startSmtp();
    const error = await errorOf(senderTo(smtp).send(target as string, 'x'));
    expect(error).toMatchObject({ code: 'ERR_ENDPOINT_INVALID', disposition: 'rejected' });
    expect(smtp.connections()).toBe(0);
  });

  it('to an endpoint whose key is none, or to a subscription whose keys are none', async () => {
    const smtp = await startSmtp();
    const channel = formatChannel(randomBytes(20));
    for (const autocrypt of ['x', `addr=${address}; keydata=AAAA`]) {
      const error = await errorOf(senderTo(smtp).send(formatEndpoint({ address, channel, autocrypt }), 'x'));
      expect(error.code).toBe('ERR_ENDPOINT_INVALID');
    }
    const keys = { p256dh: 'AAAA', auth: 'AAAA' };
    const error = await errorOf(senderTo(smtp).send({ endpoint: alice.endpoint, keys }, 'x'));
    expect(error.code).toBe('ERR_ENDPOINT_INVALID');
    expect(smtp.connections()).toBe(0);
  });

  it('with a key that is none, or is for another address', async () => {
    const smtp = await startSmtp();
    const other = await generateKey({ address: 'eve@example.org', now });
    for (const key of ['no key', armorPrivateKey(other), other]) {
      const error = await errorOf(senderTo(smtp, { key }).send(alice.endpoint, 'x'));
      expect(error).toMatchObject({ code: 'ERR_KEY_INVALID', disposition: 'action-required' });
    }
    expect(smtp.connections()).toBe(0);
  });

  it('by a sender whose options are not valid', () => {
    const good = { smtp: 'smtps://mail.example.org', from, key: senderKey };
    for (const bad of [
      { from: 'Push <push@app.example>' },
      { smtp: 'mail.example.org' },
      { connections: 0 },
      { connections: 1.5 },
      { retryDelaysMs: [-1] },
      { retryDelaysMs: new Array(11).fill(1) },
    ]) {
      expect(() => createSender({ ...good, ...bad })).toThrow(PushError);
    }
  });
});

describe('an SMTP server that refuses', () => {
  it('for now is tried again after pauses, with the same mail and so the same push id', async () => {
    const busy = { code: 450, text: '4.2.0 Greylisted' };
    const smtp = await startSmtp({ onMail: (_, count): Answer => (count < 3 ? busy : undefined) });
    const runtime = fastRuntime();
    const receipt = await senderTo(smtp, { runtime }).send(alice.endpoint, 'x');
    expect(smtp.given).toHaveLength(3);
    expect(new Set(smtp.given.map(({ raw }) => raw.toString())).size).toBe(1);
    expect((await read(smtp.given[2]?.raw ?? Buffer.alloc(0))).push.id).toBe(receipt.id);
    const [first = 0, second = 0] = runtime.pauses;
    expect(runtime.pauses).toHaveLength(2);
    expect(first >= 500 && first <= 1500 && second >= 2500 && second <= 7500).toBe(true);
  });

  it('for now and keeps on is given up', async () => {
    const smtp = await startSmtp({ onRecipient: () => ({ code: 450, text: '4.2.1 Later' }) });
    const error = await errorOf(senderTo(smtp, { retryDelaysMs: [1] }).send(alice.endpoint, 'x'));
    expect(error).toMatchObject({ code: 'ERR_SMTP_BUSY', disposition: 'transient', smtpResponse: '450 4.2.1 Later' });
    expect(smtp.connections()).toBe(2);
  });

  it.each([
    [550, '5.1.1 No such user', 'ERR_ENDPOINT_GONE'],
    [550, 'No', 'ERR_SMTP_REFUSED'],
    [554, '5.7.1 No', 'ERR_SMTP_REFUSED'],
  ])('a recipient with %d %s is not tried again', async (code, text, expected) => {
    const smtp = await startSmtp({ onRecipient: () => ({ code, text }) });
    const error = await errorOf(senderTo(smtp).send(alice.endpoint, 'x'));
    const smtpResponse = `${code} ${text}`;
    expect(error).toMatchObject({ code: expected, disposition: 'rejected', smtpResponse, endpoint: alice.endpoint });
    expect(smtp.connections()).toBe(1);
  });

  it('the sender or the mail is told apart from an unknown mailbox', async () => {
    const refused = { code: 550, text: '5.1.0 Sender refused' };
    const bySender = await startSmtp({ onSender: () => refused });
    expect((await errorOf(senderTo(bySender).send(alice.endpoint, 'x'))).code).toBe('ERR_SMTP_REFUSED');
    const byMail = await startSmtp({ onMail: () => ({ code: 554, text: '5.6.0 Spam' }) });
    expect((await errorOf(senderTo(byMail).send(alice.endpoint, 'x'))).code).toBe('ERR_SMTP_REFUSED');
  });

  it('does not hold up pushes to others', async () => {
    const smtp = await startSmtp({
      onRecipient: (to): Answer => (to === address ? { code: 550, text: '5.1.1 x' } : undefined),
    });
    const key = await generateKey({ address: 'bob@example.org', now });
    const autocrypt = formatAutocrypt({ address: 'bob@example.org', keydata: key.publicKey.keydata });
    const channel = formatChannel(randomBytes(20));
    const bob = formatEndpoint({ address: 'bob@example.org', channel, autocrypt });
    const sender = senderTo(smtp, { connections: 1 });
    const messages = [alice.endpoint, bob, 'nonsense', bob].map((target) => ({ target, payload: 'x', ttl: 60 }));
    const results = await sender.sendEach(messages);
    expect(results.map((result) => (result.ok ? 'sent' : result.error.code))).toEqual([
      'ERR_ENDPOINT_GONE',
      'sent',
      'ERR_ENDPOINT_INVALID',
      'sent',
    ]);
  });
});

describe('a connection', () => {
  it('that is lost with the outcome unknown leads to the same push again', async () => {
    const smtp = await startSmtp({ onMail: (_, count): Answer => (count === 1 ? 'drop' : undefined) });
    const receipt = await senderTo(smtp).send(alice.endpoint, 'x');
    const ids = await Promise.all(smtp.given.map(async ({ raw }) => (await read(raw)).push.id));
    expect(ids).toEqual([receipt.id, receipt.id]);
  });

  it('that cannot be made is tried again and given up', async () => {
    const smtp = await startTestSmtp();
    await smtp.close();
    const runtime = fastRuntime();
    const error = await errorOf(senderTo(smtp, { runtime }).send(alice.endpoint, 'x'));
    expect(error).toMatchObject({ code: 'ERR_SMTP_UNAVAILABLE', disposition: 'transient' });
    expect(runtime.pauses).toHaveLength(2);
  });

  it('is used again', async () => {
    const smtp = await startSmtp();
    const sender = senderTo(smtp, { connections: 1 });
    for (let count = 0; count < 3; count += 1) await sender.send(alice.endpoint, 'x');
    expect(smtp.connections()).toBe(1);
  });

  it('with a login that is refused asks for an action', async () => {
    const smtp = await startSmtp({ login: { user: 'push', pass: 'right' } });
    const url = `smtp://127.0.0.1:${smtp.port}`;
    const wrong = await errorOf(
      senderTo(smtp, { smtp: `smtp://push:wr%40ng@127.0.0.1:${smtp.port}` }).send(alice.endpoint, 'x'),
    );
    expect(wrong).toMatchObject({ code: 'ERR_SMTP_LOGIN', disposition: 'action-required' });
    expect(inspect(wrong)).not.toContain('wr@ng');
    const none = await errorOf(senderTo(smtp).send(alice.endpoint, 'x'));
    expect(none.code).toBe('ERR_SMTP_LOGIN');
    expect(smtp.given).toHaveLength(0);
    await senderTo(smtp, { smtp: { url, auth: { user: 'push', pass: 'right' } } }).send(alice.endpoint, 'x');
    expect(smtp.given[0]?.user).toBe('push');
  });

  it('to a server without the login that was asked for is not used without it', async () => {
    const smtp = await startSmtp();
    const error = await errorOf(
      senderTo(smtp, { smtp: `smtp://push:x@127.0.0.1:${smtp.port}` }).send(alice.endpoint, 'x'),
    );
    expect(error.code).toBe('ERR_SMTP_LOGIN');
    expect(smtp.given).toHaveLength(0);
  });
});

describe('TLS', () => {
  it('is required where it is asked for, and its absence told', async () => {
    const smtp = await startSmtp();
    const error = await errorOf(
      senderTo(smtp, { smtp: `smtp+starttls://127.0.0.1:${smtp.port}` }).send(alice.endpoint, 'x'),
    );
    expect(error).toMatchObject({ code: 'ERR_SMTP_TLS', disposition: 'action-required' });
    expect(smtp.given).toHaveLength(0);
  });

  it.each([
    ['smtps', true],
    ['smtp+starttls', false],
  ])('by %s is verified, with a private authority as well', async (scheme, implicit) => {
    const smtp = await startSmtp({ tls: { ...certificate, implicit } });
    const url = `${scheme}://127.0.0.1:${smtp.port}`;
    const ca = certificate.cert;
    const unknown = await errorOf(senderTo(smtp, { smtp: url }).send(alice.endpoint, 'x'));
    expect(unknown).toMatchObject({ code: 'ERR_SMTP_TLS', disposition: 'action-required' });
    const servername = 'other.example.org';
    const other = await errorOf(senderTo(smtp, { smtp: { url, tls: { ca, servername } } }).send(alice.endpoint, 'x'));
    expect(other.code).toBe('ERR_SMTP_TLS');
    expect(smtp.given).toHaveLength(0);
    await senderTo(smtp, { smtp: { url, tls: { ca } } }).send(alice.endpoint, 'x');
    expect(smtp.given[0]?.secure).toBe(true);
  });
});

describe('many pushes', () => {
  it('to one channel go out one at a time in call order', async () => {
    const smtp = await startSmtp({ onMail: async () => void (await new Promise((resolve) => setImmediate(resolve))) });
    const sender = senderTo(smtp);
    const receipts = await Promise.all(
      Array.from({ length: 12 }, (_, index) => sender.send(alice.endpoint, `${index}`)),
    );
    const pushes = await Promise.all(smtp.given.map(({ raw }) => read(raw)));
    expect(pushes.map(({ push }) => push.id)).toEqual(receipts.map(({ id }) => id));
    expect(pushes.map(({ payload }) => new TextDecoder().decode(payload))).toEqual([...Array(12).keys()].map(String));
    expect(smtp.connections()).toBe(1);
  });

  it('to many channels go out side by side, as many as there are connections', async () => {
    const allThere = gate();
    let [running, most] = [0, 0];
    const smtp = await startSmtp({
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
    const channels = await Promise.all(Array.from({ length: 9 }, createChannel));
    const sender = senderTo(smtp, { connections: 3 });
    const results = await sender.sendEach(channels.map(({ endpoint }) => ({ target: endpoint, payload: 'x' })));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(most).toBe(3);
    expect(smtp.connections()).toBe(3);
  });

  it('are read from an iterable only as fast as they are sent, one result for each', async () => {
    const smtp = await startSmtp();
    const sender = senderTo(smtp, { connections: 1 });
    let [begun, most] = [0, 0];
    async function* messages(): AsyncGenerator<{ target: string; payload: string }> {
      for (let index = 0; index < 20; index += 1) {
        begun += 1;
        most = Math.max(most, begun - smtp.given.length);
        yield { target: alice.endpoint, payload: `${index}` };
      }
    }
    const results = await sender.sendEach(messages());
    expect(results.map(({ ok }) => ok)).toEqual(Array(20).fill(true));
    expect(most).toBeLessThanOrEqual(6);
  });

  it('of an iterable that fails are finished before it is told', async () => {
    const smtp = await startSmtp();
    function* messages(): Generator<{ target: string; payload: string }> {
      yield { target: alice.endpoint, payload: 'x' };
      throw new RangeError('no more');
    }
    await expect(senderTo(smtp).sendEach(messages())).rejects.toThrow(RangeError);
    expect(smtp.given).toHaveLength(1);
  });
});

describe('aborting', () => {
  it('before the call sends nothing', async () => {
    const smtp = await startSmtp();
    const signal = AbortSignal.abort(new Error('shutting down'));
    const error = await errorOf(senderTo(smtp).send(alice.endpoint, 'x', { signal }));
    expect(error).toMatchObject({ code: 'ERR_ABORTED', disposition: 'transient', endpoint: alice.endpoint });
    expect(smtp.connections()).toBe(0);
  });

  it('a push on its way rejects at once, one that waits is never sent, and the next keeps its turn', async () => {
    const [arrived, answer] = [gate(), gate()];
    const smtp = await startSmtp({
      onMail: async () => {
        arrived.open();
        await answer.opened;
        return undefined;
      },
    });
    const sender = senderTo(smtp);
    const controller = new AbortController();
    const { signal } = controller;
    const first = errorOf(sender.send(alice.endpoint, 'first', { signal }));
    const second = errorOf(sender.send(alice.endpoint, 'second', { signal }));
    const third = sender.send(alice.endpoint, 'third');
    await arrived.opened;
    controller.abort();
    expect((await first).code).toBe('ERR_ABORTED');
    expect((await second).code).toBe('ERR_ABORTED');
    expect(smtp.given).toHaveLength(1);
    answer.open();
    await third;
    const payloads = await Promise.all(smtp.given.map(async ({ raw }) => (await read(raw)).payload));
    expect(payloads.map((payload) => new TextDecoder().decode(payload))).toEqual(['first', 'third']);
  });

  it('ends the pause before another try', async () => {
    const smtp = await startSmtp({ onMail: () => ({ code: 450, text: 'Later' }) });
    const controller = new AbortController();
    const { sleep } = createRuntime();
    const runtime: Runtime = {
      ...fastRuntime(),
      sleep: async (_ms, signal) => {
        const pause = sleep(600_000, signal);
        controller.abort();
        await pause;
      },
    };
    const error = await errorOf(senderTo(smtp, { runtime }).send(alice.endpoint, 'x', { signal: controller.signal }));
    expect(error.code).toBe('ERR_ABORTED');
    expect(smtp.given).toHaveLength(1);
  });
});

describe('closing', () => {
  it('waits for the pushes that were taken, takes no more, and leaves no connection', async () => {
    const [arrived, answer] = [gate(), gate()];
    const smtp = await startSmtp({
      onMail: async () => {
        arrived.open();
        await answer.opened;
        return undefined;
      },
    });
    const sender = senderTo(smtp);
    const sending = [sender.send(alice.endpoint, 'one'), sender.send(alice.endpoint, 'two')];
    await arrived.opened;
    let closed = false;
    const closing = Promise.all([sender.close(), sender.close()]).then(() => {
      closed = true;
    });
    expect((await errorOf(sender.send(alice.endpoint, 'late'))).code).toBe('ERR_SENDER_CLOSED');
    expect(closed).toBe(false);
    answer.open();
    await closing;
    expect(await Promise.all(sending)).toHaveLength(2);
    expect(smtp.given).toHaveLength(2);
    await expect.poll(() => smtp.open()).toBe(0);
  });

  it('is at once when nothing was sent', async () => {
    await createSender({ smtp: 'smtps://mail.example.org', from, key: senderKey }).close();
  });
});

describe('an error', () => {
  it('shows neither endpoint nor payload when it is printed', async () => {
    const smtp = await startSmtp({ onRecipient: (to) => ({ code: 550, text: `5.1.1 <${to}> unknown` }) });
    const sender = senderTo(smtp);
    const secret = 'the payload';
    for (const error of [
      await errorOf(sender.send(alice.endpoint, secret)),
      await errorOf(sender.send(`${alice.endpoint}&x=y`, secret)),
      await errorOf(sender.send(alice.endpoint, secret, { signal: AbortSignal.abort() })),
      await errorOf(sender.send(alice.endpoint, secret.repeat(1000))),
    ]) {
      expect(error.endpoint).toContain(alice.endpoint);
      for (const text of [
        inspect(error, { depth: 9 }),
        JSON.stringify(error),
        JSON.stringify({ ...error }),
        `${error}`,
        error.stack,
      ]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain('mailto:');
        expect(text).not.toContain(address);
      }
    }
  });
});

// For mail.example.org, localhost and 127.0.0.1, until 2120; its own authority.
const certificate = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgK7boPYh1JPRcZWy7
1rKnaEkE2llfmbbQ2MVKBcooT5ihRANCAAS2MDEioWBM9m51/6NH/Mk94jgRdvNC
WaoaB6ghXKgVoWfb4ci4vfwaZ0yLMmWVVywTDs0Rd+S7XZ6k1e+dAmdk
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmjCCAUCgAwIBAgIUeGnQIqsAIc3ZLE5fVvBEFRAtcbowCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQbWFpbC5leGFtcGxlLm9yZzAgFw0yMDAxMDEwMDAwMDBaGA8y
MTIwMDEwMTAwMDAwMFowGzEZMBcGA1UEAwwQbWFpbC5leGFtcGxlLm9yZzBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABLYwMSKhYEz2bnX/o0f8yT3iOBF280JZqhoH
qCFcqBWhZ9vhyLi9/BpnTIsyZZVXLBMOzRF35LtdnqTV750CZ2SjYDBeMA8GA1Ud
EwEB/wQFMAMBAf8wLAYDVR0RBCUwI4IQbWFpbC5leGFtcGxlLm9yZ4IJbG9jYWxo
b3N0hwR/AAABMB0GA1UdDgQWBBR5S/OLOO7rmoPDN7kNKvk63+OhZzAKBggqhkjO
PQQDAgNIADBFAiEA7+NenVsLlhFx3phxBgLkXp5QDaVbqx+NxqxfeLjpWEsCIHx5
Tvb1p8BfWgxlOGWFE3djPwQ++dndx86nbRy78Qub
-----END CERTIFICATE-----
`,
};
