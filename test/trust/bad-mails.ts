import { randomBytes } from 'node:crypto';
import * as openpgp from 'openpgp';
import { autocryptOf, type Differences, type ForgeKey, forge, from, notify, type Target } from './forge.js';

/** What there is to forge with. */
export interface Means {
  /** A channel that the app server is pinned on. */
  readonly target: Target;
  /** Another channel of the same app, with the same app server. */
  readonly other: Target;
  /** A channel that nobody has pushed on yet; each call gives another one. */
  readonly fresh: () => Promise<Target>;
  /** The app server. */
  readonly appServer: ForgeKey;
  /** Somebody else with a key of their own. */
  readonly stranger: ForgeKey;
  /** The raw mail of a push that was delivered on the channel. */
  readonly delivered: Buffer;
}

/** What has to become of a mail. */
export type Fate =
  /** It is none of ours: it stays as it is, and nobody has even looked into it. */
  | { readonly kind: 'not looked into' }
  /** It names our channel and does not decrypt with its key: it stays as it is. */
  | { readonly kind: 'left'; readonly reason: RegExp }
  /** It has decrypted and is none that may be delivered: removed, with its reason. */
  | { readonly kind: 'refused'; readonly reason: RegExp }
  | { readonly kind: 'expired' | 'duplicate' | 'early' | 'waiting-for-key' }
  /** What is odd about it means nothing. */
  | { readonly kind: 'delivered' };

/** One kind of bad mail. */
export interface BadMail {
  readonly name: string;
  readonly make: (means: Means) => Promise<Buffer>;
  readonly fate: Fate;
}

const notLookedInto: Fate = { kind: 'not looked into' };
const left = (reason: RegExp): Fate => ({ kind: 'left', reason });
const refused = (reason: RegExp): Fate => ({ kind: 'refused', reason });
const noMessage = left(/holds no armored PGP message/);
const malformed = left(/not an armored OpenPGP message/);
const unreadable = left(/does not decrypt with this key, or was changed/);
const notToKeys = left(/not encrypted to public keys with integrity protection/);
const tooLarge = left(/too large|larger than/);
const badInner = refused(/inner entity of this push cannot be read/);

/** A push that is good but for some differences. */
const but =
  (differences: Differences | ((means: Means) => Differences | Promise<Differences>)) =>
  async (means: Means): Promise<Buffer> => {
    const given = typeof differences === 'function' ? await differences(means) : differences;
    return (await forge(means.target, means.appServer, given)).raw;
  };

/** Its inner Email-Notify header says something else. */
const notifyBut = (more: Readonly<Record<string, string | undefined>>) =>
  but(({ target }) => ({ inner: { 'Email-Notify': notify(target, randomBytes(8).toString('hex'), more) } }));

const seconds = (fromNow: number): string => String(Math.floor(Date.now() / 1000) + fromNow);
const daySeconds = 86_400;

const textBody = (type: string, text: string): Differences => ({ body: () => ({ type, lines: text }) });

/** A key, and what of it comes along as its public half. */
interface MadeKey {
  readonly key: openpgp.PrivateKey;
  readonly shown?: openpgp.PublicKey;
}

/** The first push on a new channel, by a key that was made for it. */
const firstPushBy =
  (make: () => Promise<MadeKey>, differences: Differences = {}) =>
  async ({ fresh }: Means): Promise<Buffer> => {
    const { key, shown = key.toPublic() } = await make();
    return (await forge(await fresh(), { parsed: key, autocrypt: autocryptOf(shown) }, differences)).raw;
  };

async function makeKey(options: Partial<openpgp.KeyOptions>): Promise<openpgp.PrivateKey> {
  const userIDs = [{ email: from }];
  const { privateKey } = await openpgp.generateKey({ userIDs, ...options, format: 'object' } as openpgp.KeyOptions & {
    format: 'object';
  });
  return privateKey;
}

async function revokedKey(): Promise<MadeKey> {
  const key = await makeKey({});
  const { publicKey } = await openpgp.revokeKey({ key, format: 'object' });
  return { key, shown: publicKey };
}

/** It has expired an hour ago. */
async function expiredKey(): Promise<MadeKey> {
  const date = new Date(Date.now() - 2 * daySeconds * 1000);
  const key = await makeKey({ date });
  const { publicKey } = await openpgp.reformatKey({
    privateKey: key,
    userIDs: [{ email: from }],
    date,
    keyExpirationTime: 2 * daySeconds - 3600,
    format: 'object',
  });
  return { key, shown: publicKey };
}

const sha1: openpgp.PartialConfig = {
  preferredHashAlgorithm: openpgp.enums.hash.sha1,
  rejectMessageHashAlgorithms: new Set(),
  nonDeterministicSignaturesViaNotation: false,
};

const zip: openpgp.PartialConfig = { preferredCompressionAlgorithm: openpgp.enums.compression.zip };

/** Encrypted without integrity protection (RFC 4880 §5.7). */
async function unprotected({ target }: Means): Promise<string> {
  const sessionKey = { algorithm: 'aes256', data: randomBytes(32) } as const;
  const { packets } = await openpgp.encryptSessionKey({ ...sessionKey, encryptionKeys: target.key, format: 'object' });
  const data = new openpgp.SymmetricallyEncryptedDataPacket();
  (data as unknown as { encrypted: Uint8Array }).encrypted = randomBytes(400);
  const all = new openpgp.PacketList<openpgp.AnyPacket>();
  all.push(...packets, data);
  return openpgp.armor(openpgp.enums.armor.message, all.write()) as unknown as string;
}

function nested(depth: number, armored: string): string {
  let part = `Content-Type: application/octet-stream\r\n\r\n${armored}`;
  for (let level = 0; level < depth; level += 1) {
    part = `Content-Type: multipart/mixed; boundary=n${level}\r\n\r\n--n${level}\r\n${part}\r\n--n${level}--\r\n`;
  }
  return part;
}

const halfOf = (text: string): string => text.slice(0, text.length / 2);
const wrongCharacter = (text: string): string =>
  text.replace(/(?<=\r?\n\r?\n.{80,}?)[a-y]/s, (c) => (c === 'b' ? 'c' : 'b'));

/** Every kind of bad mail that the tests know. */
export const badMails: readonly BadMail[] = [
  // It does not decrypt.
  { name: 'a push that is not encrypted', make: but(textBody('text/plain', 'Buy now\r\n')), fate: noMessage },
  {
    name: "a human's letter with our header",
    make: but(
      textBody(
        'multipart/alternative; boundary=x',
        '--x\r\n\r\nDear Alice\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>Dear Alice\r\n--x--\r\n',
      ),
    ),
    fate: noMessage,
  },
  { name: 'an empty mail with our header', make: but(textBody('text/plain', '')), fate: noMessage },
  {
    name: 'one for the key of another channel',
    make: but(({ other }) => ({ recipients: [other.key] })),
    fate: unreadable,
  },
  { name: 'one that was cut off', make: but({ armored: halfOf }), fate: noMessage },
  { name: 'one whose ciphertext was changed', make: but({ armored: wrongCharacter }), fate: left(/./) },
  {
    name: 'garbage in armor',
    make: but({
      armored: () =>
        `-----BEGIN PGP MESSAGE-----\n\n${randomBytes(900).toString('base64')}\n-----END PGP MESSAGE-----\n`,
    }),
    fate: malformed,
  },
  {
    name: 'a public key instead of a message',
    make: but(({ stranger }) => ({ armored: () => stranger.parsed.toPublic().armor() })),
    fate: noMessage,
  },
  {
    name: 'one that is signed and not encrypted',
    make: but(async ({ appServer }) => {
      const message = await openpgp.createMessage({ text: 'hello' });
      const signed = await openpgp.sign({ message, signingKeys: appServer.parsed });
      return { armored: () => signed };
    }),
    fate: notToKeys,
  },
  {
    name: 'one without integrity protection',
    make: but(async (means) => {
      const armored = await unprotected(means);
      return { armored: () => armored };
    }),
    fate: notToKeys,
  },
  {
    name: 'one that is encrypted with a password',
    make: but({ recipients: [], passwords: ['secret'] }),
    fate: notToKeys,
  },
  {
    name: 'one for the channel and for whoever knows a password',
    make: but({ passwords: ['secret'] }),
    fate: notToKeys,
  },
  {
    name: 'one for twenty keys',
    make: but(({ target }) => ({ recipients: Array.from({ length: 20 }, () => target.key) })),
    fate: notToKeys,
  },
  {
    name: 'a decompression bomb of 50 MB',
    make: but({ payload: '\0'.repeat(50_000_000), config: zip }),
    fate: left(/./),
  },
  {
    name: 'a mail of 15 MB',
    make: but({
      body: (armored) => ({ type: 'text/plain', lines: `${'Dear Alice, \r\n'.repeat(1_100_000)}${armored}` }),
    }),
    fate: tooLarge,
  },
  {
    name: 'a mail with a header of 200 kB',
    make: but({ outer: { 'X-Long': 'x'.repeat(900).concat('\r\n ').repeat(222) } }),
    fate: tooLarge,
  },
  {
    name: '2000 parts',
    make: but({
      body: (armored) => ({
        type: 'multipart/mixed; boundary=x',
        lines: `${'--x\r\n\r\nx\r\n'.repeat(2000)}--x\r\n\r\n${armored}\r\n--x--\r\n`,
      }),
    }),
    fate: tooLarge,
  },
  {
    name: 'parts nested 200 deep',
    make: but({
      body: (armored) => ({ type: 'multipart/mixed; boundary=y', lines: `--y\r\n${nested(200, armored)}--y--\r\n` }),
    }),
    fate: tooLarge,
  },
  {
    name: 'two armored messages',
    make: but({
      body: (armored) => ({
        type: 'multipart/mixed; boundary=x',
        lines: `--x\r\n\r\n${armored}\r\n--x\r\n\r\n${armored}\r\n--x--\r\n`,
      }),
    }),
    fate: left(/several armored messages/),
  },
  {
    name: 'an armored message in text/html',
    make: but({ body: (armored) => ({ type: 'text/html', lines: armored }) }),
    fate: noMessage,
  },

  // Its header is not the one header of a push.
  {
    name: 'an unknown version outside',
    make: but(({ target }) => ({ outer: { 'Email-Notify': `v=2; c=${target.channel}` } })),
    fate: notLookedInto,
  },
  {
    name: 'two Email-Notify headers outside',
    make: but(({ target }) => ({
      outer: { 'Email-Notify': [`v=1; c=${target.channel}`, `v=1; c=${target.channel}`] },
    })),
    fate: notLookedInto,
  },
  {
    name: 'a parameter twice outside',
    make: but(({ target }) => ({ outer: { 'Email-Notify': `v=1; c=${target.channel}; c=${target.channel}` } })),
    fate: notLookedInto,
  },
  {
    name: 'an Email-Notify header of 200 kB',
    make: but(({ target }) => ({ outer: { 'Email-Notify': `v=1; c=${target.channel}${';\r\n x=y'.repeat(28_000)}` } })),
    fate: notLookedInto,
  },
  { name: 'a channel that is none', make: but({ outer: { 'Email-Notify': 'v=1; c=lunch' } }), fate: notLookedInto },
  {
    name: 'a channel of somebody else',
    make: but({ outer: { 'Email-Notify': `v=1; c=${'A'.repeat(27)}` } }),
    fate: notLookedInto,
  },

  // Its signature is not that of the app server.
  { name: 'no signature', make: but({ signers: [] }), fate: refused(/^It is not signed\.$/) },
  {
    name: 'the signature of another key, which comes along',
    make: async ({ target, stranger }) => (await forge(target, stranger)).raw,
    fate: refused(/^It is signed by \w{40}, pinned is \w{40}\.$/),
  },
  {
    name: 'the signature of another key, which does not come along',
    make: but(({ stranger }) => ({ signers: [stranger.parsed] })),
    fate: refused(/^It is signed by \w{16,40}, pinned is \w{40}\.$/),
  },
  {
    name: 'a second signature behind the right one',
    make: but(({ appServer, stranger }) => ({ signers: [appServer.parsed, stranger.parsed] })),
    fate: refused(/2 signatures/),
  },
  {
    name: 'a second signature before the right one',
    make: but(({ appServer, stranger }) => ({ signers: [stranger.parsed, appServer.parsed] })),
    fate: refused(/2 signatures/),
  },
  {
    name: 'the right signature twice',
    make: but(({ appServer }) => ({ signers: [appServer.parsed, appServer.parsed] })),
    fate: refused(/2 signatures/),
  },
  {
    name: 'a signature from tomorrow',
    make: but({ signedAt: Date.now() + daySeconds * 1000 }),
    fate: refused(/signature is not valid/),
  },
  {
    name: 'a first push by a key that has expired',
    make: firstPushBy(expiredKey),
    fate: refused(/signature is not valid/),
  },
  { name: 'a first push by a key that is revoked', make: firstPushBy(revokedKey), fate: refused(/revoked/) },
  {
    name: 'a first push by an RSA key of 1024 bits',
    make: firstPushBy(
      async () => ({ key: await makeKey({ type: 'rsa', rsaBits: 1024, config: { minRSABits: 1024 } }) }),
      {
        config: { minRSABits: 1024 },
      },
    ),
    fate: { kind: 'waiting-for-key' },
  },
  {
    name: 'a first push signed with SHA-1',
    make: firstPushBy(async () => ({ key: await makeKey({ type: 'rsa', rsaBits: 2048, config: sha1 }) }), {
      config: sha1,
    }),
    fate: refused(/signature is not valid/),
  },

  // It is not the push that it says to be.
  {
    name: 'a push that was made for another channel',
    make: but(({ other }) => ({ inner: { 'Email-Notify': notify(other, 'x') } })),
    fate: refused(/made for another channel/),
  },
  {
    name: 'another To inside',
    make: but({ inner: { To: 'bob@example.org' } }),
    fate: refused(/made for another address/),
  },
  {
    name: 'another From inside',
    make: but({ inner: { From: 'eve@example.org' } }),
    fate: refused(/From is not the address/),
  },
  { name: 'two From inside', make: but({ inner: { From: [from, from] } }), fate: badInner },
  { name: 'no Email-Notify inside', make: but({ inner: { 'Email-Notify': undefined } }), fate: badInner },
  {
    name: 'two Email-Notify inside',
    make: but(({ target }) => ({ inner: { 'Email-Notify': [notify(target, 'x'), notify(target, 'y')] } })),
    fate: badInner,
  },
  {
    name: 'another media type inside',
    make: but({ inner: { 'Content-Type': 'text/html; hp="cipher"' } }),
    fate: badInner,
  },
  { name: 'base64 inside', make: but({ inner: { 'Content-Transfer-Encoding': 'base64' } }), fate: badInner },
  { name: 'a header of 9 kB inside', make: but({ inner: { 'X-Long': 'x'.repeat(9000) } }), fate: badInner },
  {
    name: 'forty fields inside',
    make: but({ inner: { 'X-Many': Array.from({ length: 40 }, () => 'x') } }),
    fate: badInner,
  },
  { name: 'no push id', make: notifyBut({ i: undefined }), fate: refused(/Give i=/) },
  { name: 'a push id of 65 characters', make: notifyBut({ i: 'x'.repeat(65) }), fate: refused(/Give i=/) },
  { name: 'an unknown version inside', make: notifyBut({ v: '2' }), fate: refused(/version/) },
  { name: 'no time', make: notifyBut({ t: undefined }), fate: refused(/Give t=/) },
  { name: 'a negative TTL', make: notifyBut({ ttl: '-1' }), fate: refused(/TTL/) },
  { name: 'an urgency that is none', make: notifyBut({ u: 'now' }), fate: refused(/urgency/) },
  { name: 'a topic of 33 characters', make: notifyBut({ topic: 'x'.repeat(33) }), fate: refused(/topic/) },
  { name: 'a parameter twice inside', make: notifyBut({ ttl: '60; ttl=60' }), fate: refused(/./) },
  { name: 'an empty payload', make: but({ payload: '' }), fate: refused(/payload/) },
  { name: 'a payload of 4097 bytes', make: but({ payload: 'x'.repeat(4097) }), fate: refused(/payload/) },

  // It does not come in time, or not for the first time.
  {
    name: 'a push that has expired',
    make: notifyBut({ t: seconds(-daySeconds), ttl: '60' }),
    fate: { kind: 'expired' },
  },
  { name: 'a push from tomorrow', make: notifyBut({ t: seconds(daySeconds) }), fate: { kind: 'early' } },
  {
    name: 'a push from next month',
    make: notifyBut({ t: seconds(40 * daySeconds) }),
    fate: refused(/dated in the future/),
  },
  {
    name: 'a copy of a push that was delivered',
    make: async ({ delivered }) => delivered,
    fate: { kind: 'duplicate' },
  },
  {
    name: 'a copy of it with everything outside changed',
    make: async ({ delivered, target }) => {
      const body = delivered.subarray(delivered.indexOf('\r\n\r\n'));
      const type = /^Content-Type:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*/m.exec(delivered.toString('latin1'))?.[0].trimEnd();
      return Buffer.concat([
        Buffer.from(`From: eve@example.org\r\nEmail-Notify: v=1; c=${target.channel}\r\n${type}`),
        body,
      ]);
    },
    fate: { kind: 'duplicate' },
  },

  // What is outside of the encryption means nothing.
  {
    name: "a stranger's Autocrypt header on a push of the app server",
    make: but(({ stranger }) => ({ outer: { Autocrypt: stranger.autocrypt } })),
    fate: { kind: 'delivered' },
  },
  {
    name: 'another From and To outside',
    make: but({ outer: { From: 'eve@example.org', To: 'list@example.org' } }),
    fate: { kind: 'delivered' },
  },
  {
    name: 'an Expires of last year',
    make: but({ outer: { Expires: 'Wed, 01 Jan 2025 00:00:00 +0000' } }),
    fate: { kind: 'delivered' },
  },
  {
    name: '8-bit junk in its headers',
    make: but({ outer: { Subject: '\xff\xfe\x80 \xc3', 'X-Junk': '\x01\x7f\xe4' } }),
    fate: { kind: 'delivered' },
  },
  {
    name: 'its parts in base64',
    make: but({
      body: (armored) => ({
        type: 'multipart/mixed; boundary=x',
        lines: `--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(
          armored,
        )
          .toString('base64')
          .replace(/(.{76})/g, '$1\r\n')}\r\n--x--\r\n`,
      }),
    }),
    fate: { kind: 'delivered' },
  },
  {
    name: 'its parts in quoted-printable',
    make: but({
      body: (armored) => ({
        type: 'multipart/mixed; boundary=x',
        lines: `--x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${armored.replaceAll('=', '=3D')}--x--\r\n`,
      }),
    }),
    fate: { kind: 'delivered' },
  },
];
