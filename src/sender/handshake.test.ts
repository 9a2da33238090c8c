import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createChannel, errorOf, fastRuntime, from, now, useSenderFixture } from '../../test/tools/sender-fixture.js';
import type { TestSmtpServer } from '../../test/tools/test-smtp-server.js';
import { generateKey } from '../crypto/index.js';
import { readMail } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import { type Handshake, isHandshakeDue } from './handshake.js';

const fixture = useSenderFixture();
const hourMs = 3_600_000;

/** Whether each mail that was sent carries a key. */
async function keysIn(smtp: TestSmtpServer): Promise<boolean[]> {
  return await Promise.all(smtp.given.map(async ({ raw }) => (await readMail(raw)).autocrypt.length === 1));
}

function clockAt(start: number): Runtime & { pass: (ms: number) => void } {
  let time = start;
  const pass = (ms: number): void => {
    time += ms;
  };
  return { ...fastRuntime(), now: () => time, pass };
}

describe('a sender with a memory', () => {
  it('sends its key with the first three pushes to a channel, and then ever more seldom', async () => {
    const smtp = await fixture().startSmtp();
    const runtime = clockAt(now);
    const sender = fixture().senderTo(smtp, { handshakes: new Map<string, Handshake>(), runtime });
    const { endpoint } = fixture().alice;
    for (let index = 0; index < 5; index += 1) await sender.send(endpoint, 'x');
    for (const hours of [1, 1, 22, 1, 24, 143, 1, 167, 1]) {
      runtime.pass(hours * hourMs);
      await sender.send(endpoint, 'x');
    }
    expect(await keysIn(smtp)).toEqual([
      ...[true, true, true, false, false],
      // After an hour, after a day, and then every seven days.
      ...[true, false, false, true, false, false, true, false, true],
    ]);
  });

  it('counts each channel and each key on its own', async () => {
    const smtp = await fixture().startSmtp();
    const handshakes = new Map<string, Handshake>();
    const sender = fixture().senderTo(smtp, { handshakes });
    const other = await createChannel('bob@example.org');
    for (let index = 0; index < 4; index += 1) await sender.send(fixture().alice.endpoint, 'x');
    await sender.send(other.endpoint, 'x');
    const changed = fixture().senderTo(smtp, { handshakes, key: await generateKey({ address: from, now }) });
    await changed.send(fixture().alice.endpoint, 'x');
    expect(await keysIn(smtp)).toEqual([true, true, true, false, true, true]);
  });

  it('makes 200 bytes a mail of 1.8 kB', async () => {
    const smtp = await fixture().startSmtp();
    const handshakes = { get: () => ({ sent: 3, lastAt: now }), set: () => {} };
    await fixture().senderTo(smtp, { handshakes }).send(fixture().alice.endpoint, randomBytes(200));
    expect(smtp.given[0]?.raw.length).toBeLessThanOrEqual(1800);
  });

  it('does not count a push that the mail server has not taken', async () => {
    const smtp = await fixture().startSmtp({ onMail: () => ({ code: 554, text: 'no' }) });
    const handshakes = new Map<string, Handshake>();
    await errorOf(fixture().senderTo(smtp, { handshakes }).send(fixture().alice.endpoint, 'x'));
    expect(handshakes.size).toBe(0);
  });

  it.each([
    ['cannot be read', { get: () => Promise.reject(new Error('gone')), set: () => {} }],
    ['cannot be written', { get: () => undefined, set: () => Promise.reject(new Error('gone')) }],
    ['holds something else', { get: () => ({ sent: 'many' }) as never, set: () => {} }],
  ])('that %s sends its key, and its push', async (_, handshakes) => {
    const smtp = await fixture().startSmtp();
    await fixture().senderTo(smtp, { handshakes }).send(fixture().alice.endpoint, 'x');
    expect(await keysIn(smtp)).toEqual([true]);
  });
});

describe('a handshake', () => {
  it('is due again when the clock was set back', () => {
    expect(isHandshakeDue({ sent: 9, lastAt: now }, now - 660_000)).toBe(true);
    for (const time of [now - 540_000, now]) expect(isHandshakeDue({ sent: 9, lastAt: now }, time)).toBe(false);
  });

  it('is due when nothing is known', () => {
    for (const known of [undefined, null, { sent: -1, lastAt: now }, { sent: 3, lastAt: Number.NaN }]) {
      expect(isHandshakeDue(known, now)).toBe(true);
    }
  });
});

describe('a sender that will change its key', () => {
  it('announces the next one in every push', async () => {
    const smtp = await fixture().startSmtp();
    const { fingerprint } = await generateKey({ address: from, now });
    const asShown = fingerprint.toUpperCase().replace(/(.{4})/g, '$1 ');
    const sender = fixture().senderTo(smtp, { next: asShown });
    await sender.send(fixture().alice.endpoint, 'x');
    expect((await fixture().read(smtp.given[0]?.raw)).push.nextFingerprint).toBe(fingerprint);
  });

  it('is not made with something that is no fingerprint', () => {
    expect(() => fixture().senderTo({ port: 1 } as TestSmtpServer, { next: 'soon' })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    );
  });
});
