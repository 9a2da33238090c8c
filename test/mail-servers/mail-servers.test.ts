import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { describeEachMailServer, type TestMailServer } from './index.js';

const date = new Date('2026-02-01T23:30:15Z');

function mail(text: string): Buffer {
  return Buffer.from(`From: bob@example.org\r\nSubject: ${text}\r\n\r\n${text} ÄÖÜ\r\n`);
}

const clients: ImapFlow[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) {
    client.close();
  }
});

async function connect(server: TestMailServer, password = server.imap.password): Promise<ImapFlow> {
  const { user, host, port, security, ca } = server.imap;
  const client = new ImapFlow({
    host,
    port,
    secure: security === 'tls',
    ...(security !== 'tls' && { doSTARTTLS: security === 'starttls' }),
    ...(ca !== undefined && { tls: { ca: await readFile(ca, 'utf8') } }),
    auth: { user, pass: password },
    logger: false,
    disableAutoIdle: true,
  });
  client.on('error', () => {});
  clients.push(client);
  await client.connect();
  await client.mailboxOpen('INBOX');
  return client;
}

async function sendMail(server: TestMailServer, to: string, raw: Buffer): Promise<void> {
  const transport = createTransport({ ...server.smtp, secure: false });
  await transport.sendMail({ envelope: { from: 'push@app.example', to }, raw });
}

/** A mail that SMTP has taken may be in a queue first. */
async function inboxOf(server: TestMailServer): Promise<readonly unknown[]> {
  return (await server.snapshot()).INBOX ?? [];
}

describeEachMailServer('the test mail server', ({ name, lacks, start }) => {
  let server: TestMailServer;
  beforeAll(async () => {
    server = await start();
  });

  it('says which it is and starts with the usual folders, all empty', async () => {
    const fresh = await start();
    expect(fresh.name).toBe(name);
    const folders = await fresh.snapshot();
    expect(folders).toMatchObject({ INBOX: [], Trash: [], Junk: [], Sent: [] });
    expect(Object.values(folders).flat()).toEqual([]);
    expect(fresh.connections()).toMatchObject({ open: 0, made: 0, bytesFromClients: 0 });
    await fresh.stop();
  });

  it('keeps what is appended as it is, and a snapshot changes nothing', async () => {
    await server.createFolder('Work');
    const flags = ['$Label1', '\\Deleted', '\\Flagged'];
    const uid = await server.append('Work', mail('kept'), { flags, date });
    const before = await server.snapshot();
    expect(before.Work).toEqual([{ uid, flags, internalDate: date, bytes: new Uint8Array(mail('kept')) }]);
    const client = await connect(server);
    await client.status('Work', { unseen: true });
    expect(await server.snapshot()).toEqual(before);
  });

  it('is filled with many messages at once', async () => {
    await server.createFolder('Full');
    const raws = Array.from({ length: 500 }, (_, index) => mail(`number ${index}`));
    await server.appendAll('Full', raws, { flags: ['\\Seen'], date });
    const { Full = [] } = await server.snapshot();
    expect(Full).toHaveLength(500);
    expect(Full.at(-1)).toMatchObject({
      flags: ['\\Seen'],
      internalDate: date,
      bytes: new Uint8Array(mail('number 499')),
    });
  });

  const canAnnounce = !lacks('IDLE') && !lacks('UIDPLUS');
  it.runIf(canAnnounce)(
    'announces mail that comes by SMTP, and its removal by UID EXPUNGE, to a waiting client',
    async () => {
      const client = await connect(server);
      const waiting = await connect(server);
      void waiting.idle();
      const announced = once(waiting, 'exists');
      await sendMail(server, server.address, mail('announced'));
      expect((await announced)[0]).toMatchObject({ path: 'INBOX', count: 1 });
      const { INBOX: [stored] = [] } = await server.snapshot();
      expect(Buffer.from(stored?.bytes ?? []).toString()).toContain(mail('announced').toString().trim());
      const removed = once(waiting, 'expunge');
      await client.noop();
      expect(await client.messageDelete(String(stored?.uid), { uid: true })).toBe(true);
      expect((await removed)[0]).toMatchObject({ path: 'INBOX', seq: 1 });
    },
  );

  it('takes mail for a sub-address and refuses mail for anybody else with 550 5.1.1', async () => {
    const before = (await server.snapshot()).INBOX ?? [];
    await sendMail(server, server.address.replace('@', '+push@'), mail('sub-address'));
    await expect.poll(() => inboxOf(server)).toHaveLength(before.length + 1);
    await expect(sendMail(server, 'bob@example.org', mail('lost'))).rejects.toMatchObject({
      responseCode: 550,
      response: expect.stringContaining('5.1.1'),
    });
  });

  it('refuses a wrong password', async () => {
    await expect(connect(server, 'wrong')).rejects.toMatchObject({ authenticationFailed: true });
  });

  it('fetches a header field and the beginning of a body, stores flags, moves, and names the special folders', async () => {
    const client = await connect(server);
    const raw = Buffer.concat([Buffer.from('Email-Notify: v=1;\r\n c=abc\r\n'), mail('fetched')]);
    const uid = await server.append('INBOX', raw);
    await client.noop();
    const [looked] = await client.fetchAll(
      String(uid),
      { uid: true, size: true, headers: ['Email-Notify'], source: { start: 0, maxLength: 20 } },
      { uid: true },
    );
    expect(looked).toMatchObject({ uid, source: raw.subarray(0, 20) });
    if (!lacks('RFC822.SIZE')) expect(looked?.size).toBe(raw.length);
    expect(looked?.headers?.toString().trim()).toBe('Email-Notify: v=1;\r\n c=abc');
    expect(await client.messageFlagsAdd(String(uid), ['\\Flagged'], { uid: true, silent: true })).toBe(true);
    if (!lacks('SPECIAL-USE')) {
      const trash = (await client.list()).find((folder) => folder.specialUse === '\\Trash');
      expect(trash).toMatchObject({ path: 'Trash', specialUseSource: 'extension' });
    }
    if (lacks('MOVE')) return;
    expect(await client.messageMove(String(uid), 'Trash', { uid: true })).toMatchObject({ path: 'INBOX' });
    expect((await server.snapshot()).Trash).toMatchObject([{ flags: ['\\Flagged'], bytes: new Uint8Array(raw) }]);
    expect(await client.status('Trash', { messages: true })).toMatchObject({ messages: 1 });
  });

  it('counts the connections of clients and their bytes, but not its own', async () => {
    const before = server.connections();
    await server.append('INBOX', mail('not counted'));
    await server.snapshot();
    expect(server.connections()).toMatchObject({ made: before.made, bytesFromClients: before.bytesFromClients });
    await connect(server);
    const after = server.connections();
    expect(after.made).toBe(before.made + 1);
    expect(after.bytesFromClients).toBeGreaterThan(before.bytesFromClients);
    expect(after.bytesToClients).toBeGreaterThan(before.bytesToClients);
  });

  it('can be interrupted and resumed at the same port', async () => {
    const client = await connect(server);
    const closed = once(client, 'close');
    server.interrupt();
    await closed;
    expect(server.connections().open).toBe(0);
    await expect(connect(server)).rejects.toThrow();
    server.resume();
    expect((await connect(server)).mailbox).toMatchObject({ path: 'INBOX' });
  });

  it('runs several at once, apart from each other, and stops twice without complaint', async () => {
    const [one, other] = await Promise.all([start(), start()]);
    await sendMail(one, one.address, mail('for one'));
    await expect.poll(() => inboxOf(one)).toHaveLength(1);
    expect(await inboxOf(other)).toHaveLength(0);
    await Promise.all([one.stop(), other.stop()]);
    await one.stop();
    await expect(connect(other)).rejects.toThrow();
  });
});
