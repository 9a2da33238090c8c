// Measures what mailpush adds to the mail server: how long after the server has taken a mail the app has the push, against how
// long a bare IMAP client takes to fetch an ordinary mail of the same size. Both in turn, in one run, so that the ratio holds
// on any machine. Needs dist/ (npm run build).
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { createConnector } from '../dist/connector/index.js';
import { startLineProcess } from '../dist/demo/line-process.js';
import { startMailServer } from '../dist/demo/mail-server.js';
import { startPrivateBus } from '../dist/demo/private-bus.js';
import { createSender, generateKey } from '../dist/sender/index.js';

const rounds = Number(process.argv[2] ?? 200);
const warmUp = 20;
const alice = { address: 'alice@example.org', password: 'secret' };
const bob = { address: 'bob@example.org', password: 'secret' };
const payload = new Uint8Array(200).fill(120);
const mailBytes = 2300;

const directory = await mkdtemp(join(tmpdir(), 'mailpush-bench-'));
const mail = await startMailServer({ users: [alice, bob] });
const bus = await startPrivateBus({ directory: join(directory, 'bus') });
const client = new ImapFlow({
  host: mail.imap.host,
  port: mail.imap.port,
  secure: false,
  auth: { user: bob.address, pass: bob.password },
  logger: false,
  disableAutoIdle: true,
});
const sender = createSender({
  smtp: `smtp://${mail.smtp.host}:${mail.smtp.port}`,
  from: 'push@app.example',
  key: await generateKey({ address: 'push@app.example', now: Date.now() }),
});
const config = join(directory, 'config.toml');
const url = `imap://${encodeURIComponent(alice.address)}@${mail.imap.host}:${mail.imap.port}`;
await writeFile(join(directory, 'password'), `${alice.password}\n`, { mode: 0o600 });
await writeFile(config, `[account]\naddress = "${alice.address}"\nimap = "${url}"\npassword_file = "password"\n`);
const daemon = startLineProcess({
  name: 'daemon',
  args: [
    join(import.meta.dirname, '../dist/cli/main.js'),
    'daemon',
    '--config',
    config,
    '--state-dir',
    join(directory, 'state'),
  ],
  environment: { DBUS_SESSION_BUS_ADDRESS: bus.address, DBUS_SYSTEM_BUS_ADDRESS: bus.address },
  from: 'stderr',
});

const quantile = (times, q) =>
  times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * q))];

try {
  await daemon.next((line) => line.event === 'imap.connected');
  const connector = await createConnector({ service: 'org.example.Bench', busAddress: bus.address });
  const registration = await connector.register({ token: 'bench' });
  const messages = registration.messages()[Symbol.asyncIterator]();
  await client.connect();
  await client.mailboxOpen('INBOX');
  const letter = Buffer.from(`Subject: x\r\n\r\n${'x'.repeat(mailBytes)}\r\n`);

  async function push() {
    await sender.send(registration.endpoint, payload);
    const start = performance.now();
    const { value } = await messages.next();
    const time = performance.now() - start;
    value.accept();
    // The next push begins when this one is out of the mailbox.
    await daemon.next((line) => line.event === 'push.removed');
    return time;
  }

  async function fetchLetter() {
    const arrived = new Promise((resolve) => client.once('exists', resolve));
    const idle = client.idle();
    await new Promise((resolve) => setImmediate(resolve));
    const uid = mail.append(bob.address, 'INBOX', letter);
    const start = performance.now();
    await arrived;
    await client.fetchOne(`${uid}`, { source: true }, { uid: true });
    const time = performance.now() - start;
    await idle;
    return time;
  }

  const times = { push: [], letter: [] };
  for (let round = -warmUp; round < rounds; round += 1) {
    const [pushTime, letterTime] = [await push(), await fetchLetter()];
    if (round < 0) continue;
    times.push.push(pushTime);
    times.letter.push(letterTime);
  }
  await connector.close();
  const row = (name, list) =>
    `${name.padEnd(40)}${[0.5, 0.9, 0.99].map((q) => `${quantile(list, q).toFixed(1)} ms`.padStart(10)).join('')}`;
  console.log(
    `${rounds} rounds, a payload of ${payload.length} bytes`.padEnd(40) +
      ['median', '90 %', '99 %'].map((h) => h.padStart(10)).join(''),
  );
  console.log(row('push, from 250 to the app', times.push));
  console.log(row('letter, from delivery to a bare client', times.letter));
  console.log(`ratio of the medians: ${(quantile(times.push, 0.5) / quantile(times.letter, 0.5)).toFixed(2)}`);
} finally {
  await client.logout().catch(() => {});
  await sender.close();
  await daemon.stop();
  await bus.stop();
  await mail.stop();
  await rm(directory, { recursive: true, force: true });
}
