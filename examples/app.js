// An app that speaks UnifiedPush to the user's distributor and Web Push to its app server, in Node:
//
//   node examples/app.js app.json
//
// Standard output has a line of JSON for each new endpoint, which belongs to the app server, and one for each message.
// app.json keeps who the app is, so that a restart changes nothing. With VAPID_PUBLIC_KEY only the app server that has the other
// half may push.
import { createECDH, randomBytes, randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import ece from 'http_ece';
import { createConnector } from 'mailpush/connector';

const [file = 'app.json'] = process.argv.slice(2);

/** The token of the registration, and the keys that messages are encrypted to (RFC 8291). */
async function identity() {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    const keys = createECDH('prime256v1');
    keys.generateKeys();
    const made = {
      token: randomUUID(),
      privateKey: keys.getPrivateKey('base64url'),
      auth: randomBytes(16).toString('base64url'),
    };
    await writeFile(file, JSON.stringify(made), { mode: 0o600, flag: 'wx' });
    return made;
  }
}

const { token, privateKey, auth } = await identity();
const keys = createECDH('prime256v1');
keys.setPrivateKey(privateKey, 'base64url');

const connector = await createConnector({ service: 'org.example.App' });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => connector.close());

const vapid = process.env.VAPID_PUBLIC_KEY;
const registration = await connector.register({ token, description: 'Example', ...(vapid && { vapid }) });

async function tellEndpoints() {
  for await (const endpoint of registration.endpoints()) {
    console.log(JSON.stringify({ endpoint, keys: { p256dh: keys.getPublicKey('base64url'), auth } }));
  }
}

async function showMessages() {
  for await (const { id, data } of registration.messages()) {
    try {
      const text = ece.decrypt(Buffer.from(data), { version: 'aes128gcm', privateKey: keys, authSecret: auth });
      console.log(JSON.stringify({ id, text: text.toString() }));
    } catch {
      console.log(JSON.stringify({ id, problem: 'It is not encrypted to this app.' }));
    }
  }
}

await Promise.all([tellEndpoints(), showMessages()]);
