import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatAutocrypt, generateKey, type PrivateKey, parsePrivateKey, seal } from '../crypto/index.js';
import { composeInner, composeMail, parseEndpoint } from '../notify-spec/index.js';
import type { Pin } from './delivery/index.js';
import { openMail } from './open-mail.js';

const fixture = (name: string): Buffer => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));
const now = Date.UTC(2026, 0, 2, 12);
const from = 'push@app.example';
const address = 'alice@example.org';
const channel = 'c'.repeat(27);
const payload = new Uint8Array([0, 13, 10, 255]);

let alice: PrivateKey;
let sender: PrivateKey;
let other: PrivateKey;
let pinned: Pin;

const pinOf = (key: PrivateKey, address = from): Pin => ({
  fingerprint: key.fingerprint,
  address,
  keydata: key.publicKey.keydata,
});

beforeAll(async () => {
  [alice, sender, other] = await Promise.all([
    generateKey({ address, now }),
    generateKey({ address: from, now }),
    generateKey({ address: 'other@app.example', now }),
  ]);
  pinned = pinOf(sender);
});

const inner = (): Uint8Array =>
  composeInner({
    from,
    to: address,
    date: new Date(now),
    messageId: '<1@app.example>',
    push: { channel, id: 'x', timestamp: now / 1000, ttlSeconds: 60, urgency: 'high' },
    payload,
  });

interface MailParts {
  readonly data?: Uint8Array;
  readonly signer?: PrivateKey;
  readonly recipient?: PrivateKey;
  /** Whose keys its header offers. */
  readonly offered?: PrivateKey;
}

async function mailOf({
  data = inner(),
  signer = sender,
  recipient = alice,
  offered,
}: MailParts = {}): Promise<string> {
  const armored = await seal(data, { recipient: recipient.publicKey, signer, now });
  const autocrypt =
    offered === undefined
      ? {}
      : { autocrypt: formatAutocrypt({ address: from, keydata: offered.publicKey.keydata, preferEncrypt: 'mutual' }) };
  const outer = { from, to: address, date: new Date(now), messageId: '<1@app.example>', channel, ttlSeconds: 60 };
  return Buffer.from(composeMail({ ...outer, ...autocrypt, armored })).toString('latin1');
}

const open = (raw: string | Uint8Array, pin?: Pin) =>
  openMail(typeof raw === 'string' ? Buffer.from(raw, 'latin1') : raw, { key: alice, pin, offered: undefined, now });

const entity = { kind: 'entity', from, to: address, push: { channel, id: 'x', urgency: 'high' }, payload };

describe('a push mail', () => {
  it('opens with the key of its own handshake, named by the address in the header', async () => {
    expect(await open(await mailOf({ offered: sender }))).toMatchObject({
      kind: 'opened',
      signature: { state: 'valid', signer: pinned },
      inside: entity,
    });
  });

  it('opens with the pinned key', async () => {
    const opened = await open(await mailOf(), pinned);
    expect(opened).toMatchObject({ signature: { state: 'valid', signer: pinned }, inside: entity });
  });

  it('has the address of the pin even when its handshake offers the same key under another', async () => {
    const raw = (await mailOf({ offered: sender })).replace('addr=push@app.example', 'addr=evil@app.example');
    expect(raw).toContain('evil@app.example');
    expect(await open(raw, pinned)).toMatchObject({ signature: { state: 'valid', signer: { address: from } } });
  });

  it('without a key to check it names the one that would be needed', async () => {
    const keyId = sender.fingerprint.slice(-16);
    expect(await open(await mailOf())).toMatchObject({ signature: { state: 'unknown-signer', keyId } });
    expect(await open(await mailOf(), pinOf(other))).toMatchObject({ signature: { state: 'unknown-signer', keyId } });
  });

  it('by another sender than the pinned one says by whom, so that it can be refused for good', async () => {
    const opened = await open(await mailOf({ signer: other, offered: other }), pinned);
    expect(opened).toMatchObject({ signature: { state: 'valid', signer: { fingerprint: other.fingerprint } } });
  });

  it('whose handshake is another key than its signer opens without a signer', async () => {
    expect(await open(await mailOf({ offered: other }))).toMatchObject({ signature: { state: 'unknown-signer' } });
  });

  it('with a handshake that cannot be a key opens without a signer', async () => {
    const raw = (await mailOf({ offered: sender })).replace(/keydata=[^:]*?\r\n(?=\S)/s, 'keydata=AAAA\r\n');
    expect(raw).toContain('keydata=AAAA');
    expect(await open(raw)).toMatchObject({ kind: 'opened', signature: { state: 'unknown-signer' } });
  });

  it.each([
    ['two valid handshakes', (raw: string) => raw.replace(/(Autocrypt:.*?\r\n)(?=\S)/s, '$1$1')],
    ['two addresses in From', (raw: string) => raw.replace('From: push@app.example', 'From: a@b.example, c@d.example')],
    ['no From', (raw: string) => raw.replace('From: push@app.example\r\n', '')],
  ])('with %s has no handshake', async (_, change) => {
    const raw = await mailOf({ offered: sender });
    expect(change(raw)).not.toBe(raw);
    expect(await open(change(raw))).toMatchObject({ kind: 'opened', signature: { state: 'unknown-signer' } });
  });

  it('is believed for what is inside, whatever its outer headers say', async () => {
    const raw = (await mailOf())
      .replace('From: push@app.example', 'From: list@lists.example')
      .replace('To: alice@example.org', 'To: alias@example.net');
    expect(await open(raw, pinned)).toMatchObject({ signature: { state: 'valid' }, inside: entity });
  });

  it('that decrypts to something else is malformed, with a reason', async () => {
    const opened = await open(await mailOf({ data: Buffer.from('Hello.') }), pinned);
    expect(opened).toMatchObject({ kind: 'opened', inside: { kind: 'malformed', reason: expect.any(String) } });
  });

  it('for another key stays closed', async () => {
    expect(await open(await mailOf({ recipient: other }), pinned)).toMatchObject({ kind: 'closed' });
  });

  it('from the example of the specification opens, first with its handshake and later by the pin', async () => {
    const key = await parsePrivateKey(fixture('push/alice.asc').toString());
    const example = parseEndpoint(fixture('push/endpoint.txt').toString().trim());
    const opening = { offered: undefined, key, now: Date.UTC(2030, 0, 1) };
    const first = await openMail(fixture('push/handshake.eml'), { ...opening, pin: undefined });
    if (first.kind !== 'opened' || first.signature.state !== 'valid') throw new Error(JSON.stringify(first));
    const pin = first.signature.signer;
    const inside = { kind: 'entity', from: pin.address, to: example.address, push: { channel: example.channel } };
    expect(first.inside).toMatchObject(inside);
    const later = await openMail(fixture('push/later.eml'), { ...opening, pin });
    expect(later).toMatchObject({ kind: 'opened', signature: { state: 'valid', signer: pin }, inside });
  });
});

describe('any other mail', () => {
  it.each(readdirSync(new URL('../../fixtures/mail', import.meta.url)))('%s stays closed', async (name) => {
    const opened = await open(fixture(`mail/${name}`), pinned);
    expect(opened).toMatchObject({ kind: 'closed', reason: expect.stringMatching(/\.$/) });
  });

  it('stays closed whatever bytes it is made of', async () => {
    const good = Buffer.from(await mailOf({ offered: sender }), 'latin1');
    const changed = fc
      .tuple(fc.nat(good.length), fc.nat(40), fc.uint8Array({ maxLength: 40 }))
      .map(([start, length, bytes]) => Buffer.concat([good.subarray(0, start), bytes, good.subarray(start + length)]));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 2000 }), changed), async (raw) => {
        const opened = await open(raw);
        if (opened.kind === 'closed') expect(opened.reason).not.toBe('It breaks what reads it.');
        // What still opens is what was sealed.
        else expect(opened.inside).toMatchObject(entity);
      }),
      { numRuns: 150 },
    );
  });

  it('larger than any push stays closed', async () => {
    const raw = (await mailOf({ offered: sender })).replace(
      '\r\n\r\n',
      `\r\n\r\n${'x'.repeat(70)}\r\n`.padEnd(65_536, '\n'),
    );
    expect(await open(raw, pinned)).toMatchObject({ kind: 'closed' });
  });
});

describe('a pin that is damaged', () => {
  it('is our fault and not that of the mail, which stays to be opened', async () => {
    const damaged = { ...pinned, keydata: new Uint8Array([1, 2, 3]) };
    await expect(open(await mailOf(), damaged)).rejects.toMatchObject({ code: 'ERR_KEY_INVALID' });
  });
});
