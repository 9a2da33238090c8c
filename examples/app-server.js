// An app server that mails its pushes itself, with mailpush/sender:
//
//   mailpush keygen --addr push@app.example --out push.asc
//   SMTP=smtps://push@app.example:PASSWORD@mail.app.example FROM=push@app.example KEY=push.asc \
//     node examples/app-server.js subscriptions.json "Hello"
//
// subscriptions.json is a list of what apps have given: {"endpoint":"mailto:…","keys":{"p256dh":"…","auth":"…"}}. Those that are no more are
// taken out of it. handshakes.json beside it remembers who has been sent the key.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createSender } from 'mailpush/sender';

const [file, text = 'Hello'] = process.argv.slice(2);
const handshakesFile = join(dirname(file), 'handshakes.json');
const { SMTP: smtp, FROM: from, KEY: keyFile } = process.env;

async function readJson(path, fallback) {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' && fallback !== undefined) return fallback;
    throw error;
  }
}

/** Half a file is never seen. */
async function writeJson(path, value) {
  await writeFile(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

const subscriptions = await readJson(file);
const handshakes = new Map(Object.entries(await readJson(handshakesFile, {})));
const sender = createSender({ smtp, from, key: await readFile(keyFile, 'utf8'), handshakes });

const messages = subscriptions.map((target) => ({ target, payload: text, ttl: 3600, urgency: 'high' }));
const results = await sender.sendEach(messages);
await sender.close();

const gone = new Set();
for (const [index, result] of results.entries()) {
  if (result.ok) continue;
  // It has been tried again by itself where that could help; `transient` is worth a later one.
  const { code, disposition, message } = result.error;
  console.error(`${index + 1}: ${message} [${code}, ${disposition}]`);
  if (code === 'ERR_ENDPOINT_GONE') gone.add(index);
}
await writeJson(handshakesFile, Object.fromEntries(handshakes));
if (gone.size > 0)
  await writeJson(
    file,
    subscriptions.filter((_, index) => !gone.has(index)),
  );

const sent = results.filter(({ ok }) => ok).length;
console.log(`${sent} of ${results.length} pushes are on their way, ${gone.size} endpoints are no more.`);
process.exitCode = sent === results.length ? 0 : 1;
