import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatAutocrypt, generateKey, seal } from '../src/crypto/index.js';
import { composeInner, composeMail, formatChannel, formatEndpoint, formatMessageId } from '../src/notify-spec/index.js';

const now = Date.UTC(2026, 0, 2, 8, 30);
const from = 'push@app.example';
const to = 'alice@example.org';
const alice = await generateKey({ address: to, now });
const sender = await generateKey({ address: from, now });
const channel = formatChannel(randomBytes(20));

/** Size in bytes of a push mail whose header says all that it can, but for `next`. */
async function mailBytes(payloadBytes: number, handshake: boolean): Promise<number> {
  const common = { from, to, date: new Date(now), messageId: formatMessageId(randomBytes(12), from) };
  const inner = composeInner({
    ...common,
    push: {
      channel,
      id: randomBytes(12).toString('base64url'),
      timestamp: now / 1000,
      ttlSeconds: 604_800,
      urgency: 'very-low',
      topic: randomBytes(24).toString('base64url'),
      contentCoding: 'aes128gcm',
    },
    payload: randomBytes(payloadBytes),
  });
  const armored = await seal(inner, { recipient: alice.publicKey, signer: sender, now });
  const { keydata } = sender.publicKey;
  const autocrypt = formatAutocrypt({ address: from, preferEncrypt: 'mutual', keydata });
  const mail = { ...common, channel, ttlSeconds: 604_800, armored, ...(handshake ? { autocrypt } : {}) };
  return composeMail(mail).length;
}

describe('a push mail', () => {
  it.each([
    [200, false, 1800],
    [200, true, 2500],
    [4096, false, 7200],
  ])('with a payload of %i bytes (handshake: %s) has at most %i bytes', async (payloadBytes, handshake, most) => {
    expect(await mailBytes(payloadBytes, handshake)).toBeLessThanOrEqual(most);
  });
});

describe('an endpoint', () => {
  it('of a usual address has at most 750 bytes', () => {
    const autocrypt = formatAutocrypt({ address: to, keydata: alice.publicKey.keydata });
    expect(formatEndpoint({ address: to, channel, autocrypt }).length).toBeLessThanOrEqual(750);
  });

  it('of an address of 64 characters is within the bound', async () => {
    const address = `${'a'.repeat(52)}@example.org`;
    const key = await generateKey({ address, now });
    const autocrypt = formatAutocrypt({ address, keydata: key.publicKey.keydata });
    expect(formatEndpoint({ address, channel, autocrypt }).length).toBeLessThanOrEqual(1000);
  });
});
