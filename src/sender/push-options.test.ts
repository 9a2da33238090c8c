import { describe, expect, it } from 'vitest';
import { errorOf, everyByte, from, now, useSenderFixture } from '../../test/tools/sender-fixture.js';
import { readMail } from '../notify-spec/index.js';
import type { Handshake } from './handshake.js';

const fixture = useSenderFixture();

describe('a push', () => {
  it('has the id that it is given', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp);
    const id = `queue/42:${'x'.repeat(55)}`;
    const receipts = [
      await sender.send(fixture().alice.endpoint, 'x', { id }),
      await sender.send(fixture().alice.endpoint, 'x', { id }),
    ];
    expect(receipts.map((receipt) => receipt.id)).toEqual([id, id]);
    const pushes = await Promise.all(smtp.given.map(async ({ raw }) => (await fixture().read(raw)).push.id));
    expect(pushes).toEqual([id, id]);
    // They are two mails all the same, for mail servers that drop what they have seen.
    expect(receipts[0]?.messageId).not.toBe(receipts[1]?.messageId);
  });

  it('is a push unless it is said to be a grant', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp);
    await sender.send(fixture().alice.endpoint, 'x');
    await sender.send(fixture().alice.endpoint, 'x', { contentType: 'application/vnd.mailpush.grant' });
    const types = await Promise.all(smtp.given.map(async ({ raw }) => (await fixture().read(raw)).mediaType));
    expect(types).toEqual(['application/octet-stream', 'application/vnd.mailpush.grant']);
  });

  it('that somebody else has encrypted goes as it is, with its content coding', async () => {
    const smtp = await fixture().startSmtp();
    await fixture().senderTo(smtp).send(fixture().alice.endpoint, everyByte, { contentCoding: 'AES128GCM' });
    const { payload, push } = await fixture().read(smtp.given[0]?.raw);
    expect(payload).toEqual(everyByte);
    expect(push.contentCoding).toBe('aes128gcm');
  });

  it.each([
    ['an empty id', { id: '' }],
    ['an id with a semicolon', { id: 'a;b' }],
    ['an id with a space', { id: 'a b' }],
    ['an id with a line break', { id: 'a\r\nX: y' }],
    ['an id of 65 characters', { id: 'x'.repeat(65) }],
    ['an id that is a number', { id: 1 }],
    ['another content type', { contentType: 'text/plain' }],
    ['a content type in capitals', { contentType: 'Application/Octet-Stream' }],
    ['no content coding', { contentCoding: '' }],
    ['a content coding that is no token', { contentCoding: 'a; b' }],
    ['a content coding of 33 characters', { contentCoding: 'x'.repeat(33) }],
  ])('with %s is not sent', async (_, options) => {
    const smtp = await fixture().startSmtp();
    const sending = fixture()
      .senderTo(smtp)
      .send(fixture().alice.endpoint, 'x', options as object);
    expect(await errorOf(sending)).toMatchObject({ code: 'ERR_OPTION_INVALID', disposition: 'rejected' });
    expect(smtp.connections()).toBe(0);
  });

  it('is not encrypted for a subscription once it has a content coding', async () => {
    const smtp = await fixture().startSmtp();
    const target = { endpoint: fixture().alice.endpoint, keys: { p256dh: 'x', auth: 'x' } };
    const error = await errorOf(fixture().senderTo(smtp).send(target, 'x', { contentCoding: 'aes128gcm' }));
    expect(error).toMatchObject({ code: 'ERR_OPTION_INVALID' });
    expect(smtp.connections()).toBe(0);
  });
});

describe('the handshakes of a sender', () => {
  it('can be left out altogether', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp, { handshakes: false });
    for (let count = 0; count < 2; count += 1) await sender.send(fixture().alice.endpoint, 'x');
    for (const { raw } of smtp.given) expect((await readMail(raw)).autocrypt).toEqual([]);
    expect(smtp.given).toHaveLength(2);
  });

  it('cost one look at the memory for each push, whether it carries the key or not', async () => {
    const smtp = await fixture().startSmtp();
    const memory = new Map<string, Handshake>();
    const calls: string[] = [];
    const handshakes = {
      get: (key: string) => {
        calls.push('get');
        return memory.get(key);
      },
      set: (key: string, handshake: Handshake) => {
        calls.push('set');
        memory.set(key, handshake);
      },
    };
    const sender = fixture().senderTo(smtp, { handshakes });
    for (let count = 0; count < 4; count += 1) await sender.send(fixture().alice.endpoint, 'x');
    expect(calls).toEqual(['get', 'set', 'get', 'set', 'get', 'set', 'get']);
    expect([...memory.values()]).toEqual([{ sent: 3, lastAt: now }]);
    expect(smtp.given.map((mail) => mail.from)).toEqual([from, from, from, from]);
  });
});
