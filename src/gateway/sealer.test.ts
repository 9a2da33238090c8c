import { createECDH, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatAutocrypt, generateKey } from '../crypto/index.js';
import { formatChannel, type MailEndpoint } from '../notify-spec/index.js';
import { createRuntime } from '../runtime.js';
import type { Sealer } from './parts.js';
import { createSealer, type SealerOptions } from './sealer.js';

const now = Date.UTC(2026, 10, 21, 12);
const expires = Date.UTC(2027, 1, 19, 12) / 1000;
const publicUrl = 'https://push.example.org';
const sender = '0123456789abcdef0123456789abcdef01234567';
const secret = new Uint8Array(randomBytes(32));
const address = 'alice@example.org';

function sealerWith(options: Partial<SealerOptions> = {}): Sealer {
  return createSealer({
    secrets: [secret],
    sender,
    publicUrl,
    runtime: { ...createRuntime(), now: () => now },
    ...options,
  });
}

async function endpointOf(of: string): Promise<MailEndpoint> {
  const { publicKey } = await generateKey({ address: of, now });
  const autocrypt = formatAutocrypt({ address: of, keydata: publicKey.keydata });
  return { address: of, channel: formatChannel(randomBytes(20)), autocrypt };
}

function vapidKey(): string {
  const pair = createECDH('prime256v1');
  pair.generateKeys();
  return pair.getPublicKey('base64url');
}

const sealed = (url: string): string => url.slice(`${publicUrl}/p/`.length);
const endpoint = await endpointOf(address);
const vapid = vapidKey();

describe('a sealed endpoint', () => {
  it('opens to what was sealed, with a VAPID key and without', async () => {
    const sealer = sealerWith();
    for (const key of [vapid, undefined]) {
      const { url, expires: told } = await sealer.sealEndpoint(endpoint, key);
      expect(url.startsWith(`${publicUrl}/p/`)).toBe(true);
      expect(told).toBe(expires);
      const id = expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) as string;
      expect(sealer.openEndpoint(sealed(url))).toEqual({ endpoint, vapid: key, expires, id });
    }
  });
});
