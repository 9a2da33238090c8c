import { randomUUID } from 'node:crypto';
import * as openpgp from 'openpgp';
import { armorPrivateKey, type PrivateKey, parseAutocrypt } from '../../src/crypto/index.js';
import { parseEndpoint } from '../../src/notify-spec/index.js';
import { formatMailDate } from '../../src/notify-spec/mail-date.js';

/** The address that pushes come from here. */
export const from = 'push@app.example';

/** A key with what mails need of it. */
export interface ForgeKey {
  readonly parsed: openpgp.PrivateKey;
  /** The value of an Autocrypt header with its public half. */
  readonly autocrypt: string;
}

/** A registration as a stranger sees it who was given its endpoint. */
export interface Target {
  readonly channel: string;
  readonly address: string;
  readonly key: openpgp.PublicKey;
}

/** What differs from a good push. A field that is undefined is left out; an array is repeated. */
export interface Differences {
  /** Lines of the outer header by name. */
  readonly outer?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Lines of the inner header by name. */
  readonly inner?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly payload?: string;
  /** Whose key signs. Default: that of the app server. */
  readonly signers?: readonly openpgp.PrivateKey[];
  /** Whose key can decrypt. Default: that of the channel. */
  readonly recipients?: readonly openpgp.PublicKey[];
  readonly passwords?: readonly string[];
  /** When it was signed, in ms since 1970. */
  readonly signedAt?: number;
  readonly config?: openpgp.PartialConfig;
  /** Changes the armored message. */
  readonly armored?: (armored: string) => string;
  /** Writes the body of the mail around the armored message. Default: multipart/encrypted. */
  readonly body?: (armored: string) => { readonly type: string; readonly lines: string };
}

/** A mail and its push id. */
export interface Forged {
  readonly raw: Buffer;
  readonly id: string;
}

/** The key that OpenPGP.js knows behind one of ours. */
export async function forgeKey(key: PrivateKey, address: string = from): Promise<ForgeKey> {
  const parsed = await openpgp.readPrivateKey({ armoredKey: armorPrivateKey(key) });
  return { parsed, autocrypt: autocryptOf(parsed.toPublic(), address) };
}

/** The value of an Autocrypt header. */
export function autocryptOf(key: openpgp.PublicKey, address: string = from): string {
  return `addr=${address}; prefer-encrypt=mutual; keydata=${Buffer.from(key.write()).toString('base64')}`;
}

/** Reads an endpoint. */
export async function targetOf(endpoint: string): Promise<Target> {
  const { channel, address, autocrypt } = parseEndpoint(endpoint);
  return { channel, address, key: await openpgp.readKey({ binaryKey: parseAutocrypt(autocrypt).keydata }) };
}

function header(fields: Readonly<Record<string, string | readonly string[] | undefined>>): string {
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  return lines.join('');
}

/** Two parts, as the specification has it. */
function encryptedBody(armored: string): { type: string; lines: string } {
  return {
    type: 'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b',
    lines: `--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n${armored}--b--\r\n`,
  };
}

/** The inner Email-Notify header of a push that is made now. */
export function notify(target: Target, id: string, more: Readonly<Record<string, string | undefined>> = {}): string {
  const t = String(Math.floor(Date.now() / 1000));
  const attributes = { v: '1', c: target.channel, i: id, t, ttl: '3600', ...more };
  return Object.entries(attributes)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    .join('; ');
}

/** Writes a mail that would be a good push but for `differences`. */
export async function forge(target: Target, key: ForgeKey, differences: Differences = {}): Promise<Forged> {
  const {
    payload = 'bad',
    signers = [key.parsed],
    recipients = [target.key],
    passwords = [],
    config = {},
  } = differences;
  const date = new Date(differences.signedAt ?? Date.now());
  const id = randomUUID();
  const copies = {
    From: from,
    To: target.address,
    Date: formatMailDate(new Date()),
    'Message-ID': `<${id}@app.example>`,
  };
  const inner = header({
    'Content-Type': 'application/octet-stream; hp="cipher"',
    'Content-Transfer-Encoding': 'binary',
    ...copies,
    'Email-Notify': notify(target, id),
    ...differences.inner,
  });
  const message = await openpgp.createMessage({ binary: Buffer.from(`${inner}\r\n${payload}`, 'latin1'), date });
  // Signed apart from the encryption, so that the recipients have no say in how.
  const signed =
    signers.length === 0
      ? message
      : await openpgp.sign({ message, signingKeys: [...signers], date, config, format: 'object' });
  const encrypted = await openpgp.encrypt({
    message: signed,
    encryptionKeys: [...recipients],
    passwords: [...passwords],
    date,
    config,
  });
  const { type, lines } = (differences.body ?? encryptedBody)(
    (differences.armored ?? ((text) => text))(encrypted).replace(/\r?\n/g, '\r\n'),
  );
  const outer = header({
    ...copies,
    'MIME-Version': '1.0',
    Subject: '[...]',
    'Email-Notify': `v=1; c=${target.channel}`,
    Autocrypt: key.autocrypt,
    'Content-Type': type,
    ...differences.outer,
  });
  return { raw: Buffer.from(`${outer}\r\n${lines}`, 'latin1'), id };
}
