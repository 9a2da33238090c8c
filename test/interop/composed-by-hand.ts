import { randomUUID } from 'node:crypto';
import { formatMailDate } from '../../src/notify-spec/mail-date.js';
import { channelOf } from '../system/setting.js';

const from = 'push@app.example';
const to = 'alice@example.org';

/** A push mail as docs/email-notify.md describes it, written with nothing of ours. */
export interface HandMadePush {
  /** What has to be signed and encrypted. */
  readonly inner: string;
  /** The mail around the armored message that this makes. */
  wrap(armored: string): Uint8Array;
}

/** Composes a push to an endpoint of Alice; `keydata` is the sender's public key in base64. */
export function composeByHand(endpoint: string, payload: string, keydata: string): HandMadePush {
  const channel = channelOf(endpoint);
  const id = randomUUID();
  const date = formatMailDate(new Date());
  const common = [`From: ${from}`, `To: ${to}`, `Date: ${date}`, `Message-ID: <${id}@app.example>`];
  const inner = [
    'Content-Type: application/octet-stream; hp="cipher"',
    'Content-Transfer-Encoding: binary',
    ...common,
    `Email-Notify: v=1; c=${channel}; i=${id}; t=${Math.floor(Date.now() / 1000)}; ttl=3600; u=high`,
    '',
    payload,
  ].join('\r\n');
  return {
    inner,
    wrap: (armored) =>
      Buffer.from(
        [
          ...common,
          'MIME-Version: 1.0',
          'Subject: [...]',
          'Auto-Submitted: auto-generated',
          `Email-Notify: v=1; c=${channel}`,
          `Autocrypt: addr=${from}; prefer-encrypt=mutual; keydata=`,
          ...(keydata.match(/.{1,72}/g) ?? []).map((line) => ` ${line}`),
          'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b',
          '',
          '--b',
          'Content-Type: application/pgp-encrypted',
          '',
          'Version: 1',
          '--b',
          'Content-Type: application/octet-stream',
          '',
          ...armored.trim().split(/\r?\n/),
          '--b--',
          '',
        ].join('\r\n'),
      ),
  };
}
