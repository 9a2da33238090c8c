// Writes fixtures/push/: keys only where there are none, then the endpoint and two push mails made with them, all at
// fixed dates. Encryption is random, so each run gives other mails: docs/email-notify.md shows them and is changed along.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { armorPrivateKey, formatAutocrypt, generateKey, parsePrivateKey, seal } from '../dist/crypto/index.js';
import { composeInner, composeMail, formatEndpoint } from '../dist/notify-spec/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const from = 'push@app.example';
const to = 'alice@example.org';
const channel = 'CbUrOA3Zq8xN0yF2mW7tKpJvR1E';
const keysMadeAt = Date.UTC(2026, 0, 1, 12);
const mails = [
  { name: 'handshake', now: Date.UTC(2026, 0, 2, 8, 30), handshake: true, id: 'm8QkzX3d', text: 'Hello, Alice.\n' },
  { name: 'later', now: Date.UTC(2026, 0, 3, 17, 5), handshake: false, id: 'u1Vb0c7Y', text: '{"unread":3}' },
];

async function key(name, address) {
  const path = `${root}fixtures/push/${name}.asc`;
  if (!existsSync(path)) writeFileSync(path, armorPrivateKey(await generateKey({ address, now: keysMadeAt })));
  return parsePrivateKey(readFileSync(path, 'utf8'));
}

async function pushMail({ now, handshake, id, text }, sender, recipient) {
  const ttlSeconds = 86_400;
  const common = { from, to, date: new Date(now), messageId: `<${id}@app.example>` };
  const push = { channel, id, timestamp: now / 1000, ttlSeconds, urgency: 'high', topic: 'chat' };
  const inner = composeInner({ ...common, push, payload: Buffer.from(text) });
  const armored = await seal(inner, { recipient, signer: sender, now });
  const { keydata } = sender.publicKey;
  const autocrypt = handshake
    ? { autocrypt: formatAutocrypt({ address: from, preferEncrypt: 'mutual', keydata }) }
    : {};
  return composeMail({ ...common, channel, ttlSeconds, armored, ...autocrypt });
}

mkdirSync(`${root}fixtures/push`, { recursive: true });
const alice = (await key('alice', to)).publicKey;
const sender = await key('sender', from);
const autocrypt = formatAutocrypt({ address: to, keydata: alice.keydata });
const shown = { 'endpoint.txt': `${formatEndpoint({ address: to, channel, autocrypt })}\n` };
for (const mail of mails)
  shown[`${mail.name}.eml`] = Buffer.from(await pushMail(mail, sender, alice)).toString('latin1');

const page = `${root}docs/email-notify.md`;
let text = existsSync(page) ? readFileSync(page, 'utf8') : '';
for (const [name, content] of Object.entries(shown)) {
  writeFileSync(`${root}fixtures/push/${name}`, content);
  const fence = new RegExp(`(\`\`\`\\w+ fixtures/push/${name}\n)[^]*?(\`\`\`)`);
  text = text.replace(fence, (_, open, close) => `${open}${content.replaceAll('\r\n', '\n')}${close}`);
}
if (text !== '') writeFileSync(page, text);
