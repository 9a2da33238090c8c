import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import { afterEach, describe, expect, it } from 'vitest';
import { connectRawImap, type RawImap } from '../../test/tools/raw-imap.js';
import { type MailServer, type MailServerOptions, startMailServer } from './mail-server.js';

const alice = { address: 'alice@example.org', password: 'alice secret' };
const bob = { address: 'bob@example.org', password: 'bob secret' };
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) {
    await each.close();
  }
});

async function start(options: Partial<MailServerOptions> = {}): Promise<MailServer> {
  const server = await startMailServer({ users: [alice, bob], ...options });
  opened.push({ close: () => server.stop() });
  return server;
}

async function connect(server: MailServer, user = alice, folder: string | undefined = 'INBOX'): Promise<ImapFlow> {
  const auth = { user: user.address, pass: user.password };
  const client = new ImapFlow({ ...server.imap, secure: false, auth, logger: false, disableAutoIdle: true });
  client.on('error', () => {});
  opened.push(client);
  await client.connect();
  if (folder !== undefined) {
    await client.mailboxOpen(folder);
  }
  return client;
}

async function login(server: MailServer): Promise<RawImap> {
  const client = await connectRawImap(server.imap);
  opened.push(client);
  await client.command(`LOGIN ${alice.address} "${alice.password}"`);
  await client.command('SELECT INBOX');
  return client;
}

function mail(text: string, header = ''): Buffer {
  return Buffer.from(`From: bob@example.org\r\nSubject: ${text}\r\n${header}\r\n${text}\r\n`);
}

/** Starts IDLE and resolves once the server has confirmed it, so that what follows is announced to a waiting client. */
async function idle(client: ImapFlow, server: MailServer): Promise<void> {
  const before = server.imapConnections().bytesToClients;
  void client.idle();
  while (server.imapConnections().bytesToClients === before) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function sendMail(server: MailServer, to: string | string[], raw: Buffer, auth?: { user: string; pass: string }) {
  const transport = createTransport({ ...server.smtp, secure: false, ...(auth && { auth }) });
  return transport.sendMail({ envelope: { from: 'push@app.example', to }, raw });
}

describe('mail over SMTP', () => {
  it('lands in the INBOX of its recipient byte for byte and is announced to a waiting client', async () => {
    const server = await start();
    const client = await connect(server);
    await idle(client, server);
    const announced = once(client, 'exists');
    const raw = Buffer.concat([
      mail('hello'),
      Buffer.from('.\r\n..\r\n'),
      everyByte.subarray(128),
      Buffer.from('\r\n'),
    ]);
    await sendMail(server, alice.address, raw);
    expect((await announced)[0]).toMatchObject({ path: 'INBOX', count: 1, prevCount: 0 });
    expect(server.snapshot(alice.address).INBOX?.map((message) => Buffer.from(message.bytes))).toEqual([raw]);
    expect(server.snapshot(bob.address).INBOX).toEqual([]);
  });

  it('reaches every recipient once, and a sub-address reaches its user', async () => {
    const server = await start();
    await sendMail(server, ['Alice+push@example.org', 'alice@example.org', 'bob@example.org'], mail('to both'));
    expect(server.snapshot(alice.address).INBOX).toHaveLength(1);
    expect(server.snapshot(bob.address).INBOX).toHaveLength(1);
  });

  it('is refused with 550 5.1.1 when nobody has the address', async () => {
    const server = await start();
    const sent = sendMail(server, 'nobody@example.org', mail('lost'));
    await expect(sent).rejects.toMatchObject({ responseCode: 550, response: expect.stringContaining('550 5.1.1') });
  });

  it('is refused with 552 5.3.4 when it is too large, whether its size was announced or not', async () => {
    const server = await start({ maxMailBytes: 1000 });
    const large = mail('x'.repeat(1000));
    await expect(sendMail(server, alice.address, large)).rejects.toMatchObject({ responseCode: 552 });
    const socket = connectSocket(server.smtp.port, server.smtp.host).setEncoding('latin1');
    opened.push({ close: () => socket.destroy() });
    let replies = '';
    for (const line of ['EHLO client', 'MAIL FROM:<>', `RCPT TO:<${alice.address}>`, 'DATA', `${large}.`, 'QUIT']) {
      replies += (await once(socket, 'data'))[0];
      socket.write(`${line}\r\n`);
    }
    expect(replies).toMatch(/\r\n552 5\.3\.4 /);
    expect(server.snapshot(alice.address).INBOX).toEqual([]);
  });

  it('needs a login only where it is asked for', async () => {
    const server = await start({ smtpLoginRequired: true });
    await expect(sendMail(server, alice.address, mail('no login'))).rejects.toMatchObject({ responseCode: 530 });
    const wrong = { user: bob.address, pass: alice.password };
    await expect(sendMail(server, alice.address, mail('wrong'), wrong)).rejects.toMatchObject({ responseCode: 535 });
    await sendMail(server, alice.address, mail('login'), { user: bob.address, pass: bob.password });
    expect(server.snapshot(alice.address).INBOX).toHaveLength(1);
  });
});

describe('the IMAP server', () => {
  it('refuses a wrong password and an unknown user', async () => {
    const server = await start();
    for (const user of [
      { ...alice, password: bob.password },
      { ...alice, address: 'toString' },
    ]) {
      await expect(connect(server, user)).rejects.toMatchObject({
        authenticationFailed: true,
        serverResponseCode: 'AUTHENTICATIONFAILED',
      });
    }
  });

  it('gives each user mailboxes of their own and tells only those who have the folder open', async () => {
    const server = await start();
    const [ofAlice, ofBob] = [await connect(server), await connect(server, bob)];
    server.append(bob.address, 'INBOX', mail('for bob'));
    await Promise.all([ofAlice.noop(), ofBob.noop()]);
    expect([ofAlice.mailbox, ofBob.mailbox]).toMatchObject([{ exists: 0 }, { exists: 1 }]);
  });

  it('fetches one header field, the size and the beginning of a body, each for several messages at once', async () => {
    const server = await start();
    server.append(alice.address, 'INBOX', mail('short', 'Email-Notify: v=1;\r\n c=abc\r\n'));
    server.append(alice.address, 'INBOX', mail('much longer than the other'));
    const client = await connect(server);
    const looked = await client.fetchAll('1:*', { uid: true, size: true, headers: ['Email-Notify'] }, { uid: true });
    expect(looked.map((message) => [message.uid, message.size, message.headers?.toString()])).toEqual([
      [1, 76, 'Email-Notify: v=1;\r\n c=abc\r\n\r\n'],
      [2, 90, '\r\n'],
    ]);
    const parts = await client.fetchAll('1:*', { source: { start: 0, maxLength: 80 } }, { uid: true });
    expect(parts.map((message) => message.source?.length)).toEqual([76, 80]);
    expect(server.snapshot(alice.address).INBOX?.map((message) => message.flags)).toEqual([[], []]);
  });

  it('answers a fetch of the last message', async () => {
    const server = await start();
    server.append(alice.address, 'INBOX', mail('first'));
    server.append(alice.address, 'INBOX', mail('last'));
    const client = await login(server);
    expect(await client.command('UID FETCH * (FLAGS)')).toEqual([
      '* 2 FETCH (FLAGS () UID 2)',
      expect.stringMatching(/^t3 OK/),
    ]);
  });

  it('removes by UID EXPUNGE only what is in the set and marked as deleted, and announces it', async () => {
    const server = await start();
    for (const [text, flags] of [
      ['kept', []],
      ['ours', []],
      ['deleted by the user', ['\\Deleted']],
    ] as const) {
      server.append(alice.address, 'INBOX', mail(text), { flags });
    }
    const [client, other] = [await connect(server), await connect(server)];
    await idle(other, server);
    const flagged = once(other, 'flags');
    expect(await client.messageFlagsAdd('2', ['\\Deleted'], { uid: true, silent: true })).toBe(true);
    expect((await flagged)[0]).toMatchObject({ uid: 2, flags: new Set(['\\Deleted']) });
    const expunged = once(other, 'expunge');
    await (await login(server)).command('UID EXPUNGE 1:2');
    expect((await expunged)[0]).toMatchObject({ path: 'INBOX', seq: 2 });
    expect(server.snapshot(alice.address).INBOX).toMatchObject([
      { uid: 1, flags: [] },
      { uid: 3, flags: ['\\Deleted'] },
    ]);
  });

  it('moves a message with its flags and date, and names the special folders', async () => {
    const server = await start();
    const date = new Date('2026-02-01T23:30:15Z');
    server.append(alice.address, 'INBOX', mail('moved'), { flags: ['\\Seen', 'work'], date });
    const client = await connect(server);
    const folders = await client.list();
    const trash = folders.find((folder) => folder.specialUse === '\\Trash');
    expect(trash).toMatchObject({ path: 'Trash', specialUseSource: 'extension' });
    expect(await client.messageMove('1', 'Trash', { uid: true })).toMatchObject({ uidMap: new Map([[1, 1]]) });
    const after = server.snapshot(alice.address);
    expect(after).toMatchObject({ INBOX: [], Trash: [{ uid: 1, flags: ['\\Seen', 'work'], internalDate: date }] });
    expect(await client.status('Trash', { messages: true, uidNext: true })).toMatchObject({ messages: 1, uidNext: 2 });
  });

  it('changes nothing in a mailbox that was opened by EXAMINE', async () => {
    const server = await start();
    server.append(alice.address, 'INBOX', mail('left alone'), { flags: ['\\Deleted'] });
    const before = server.snapshot(alice.address);
    const client = await connect(server, alice, undefined);
    await client.mailboxOpen('INBOX', { readOnly: true });
    await client.messageFlagsAdd('1', ['\\Seen'], { uid: true });
    await client.messageMove('1', 'Trash', { uid: true });
    await client.messageDelete('1', { uid: true });
    await client.mailboxClose();
    expect(server.snapshot(alice.address)).toEqual(before);
  });

  it('takes mail by APPEND as it is and dates it when the client does not', async () => {
    const server = await start();
    server.createFolder(alice.address, 'Archive/2026');
    const client = await connect(server);
    const raw = Buffer.concat([mail('appended'), everyByte.subarray(1)]);
    expect(await client.append('Archive/2026', raw, ['\\Seen'])).toMatchObject({ uid: 1 });
    const [stored] = server.snapshot(alice.address)['Archive/2026'] ?? [];
    expect(Buffer.from(stored?.bytes ?? [])).toEqual(raw);
    expect(stored?.internalDate.getTime()).not.toBeNaN();
  });

  it('announces in the middle of no other command once IDLE has ended', async () => {
    const server = await start();
    const client = await connect(server);
    await idle(client, server);
    await client.noop();
    const { bytesToClients } = server.imapConnections();
    server.append(alice.address, 'INBOX', mail('later'));
    expect(server.imapConnections().bytesToClients).toBe(bytesToClients);
    await client.noop();
    expect(client.mailbox).toMatchObject({ exists: 1 });
  });

  it.each(['IDLE', 'UIDPLUS', 'MOVE', 'SPECIAL-USE'] as const)('does without %s where it is told to', async (name) => {
    const server = await start({ without: [name] });
    const client = await connect(server);
    expect(client.capabilities.has(name)).toBe(false);
    server.append(alice.address, 'INBOX', mail('readable all the same'));
    expect(await client.fetchAll('1:*', { uid: true })).toHaveLength(1);
  });

  it('counts its connections and the bytes both ways', async () => {
    const server = await start();
    expect(server.imapConnections()).toEqual({ open: 0, mostOpen: 0, made: 0, bytesFromClients: 0, bytesToClients: 0 });
    const clients = [await connect(server), await connect(server)];
    for (const client of clients) {
      await client.logout();
    }
    const client = await connect(server);
    await client.noop();
    const counts = server.imapConnections();
    expect(counts).toMatchObject({ made: 3, mostOpen: 2 });
    expect(counts.bytesFromClients).toBeGreaterThan(0);
    expect(counts.bytesToClients).toBeGreaterThan(counts.bytesFromClients);
  });

  it('cuts its connections when it stops', async () => {
    const server = await start();
    const client = await connect(server);
    void client.idle();
    const closed = once(client, 'close');
    await server.stop();
    await closed;
    expect(server.imapConnections().open).toBe(0);
  });

  it('names the user or folder that it does not have', async () => {
    const server = await start();
    const code = { code: 'ERR_DEMO_MAILBOX' };
    expect(() => server.append('carol@example.org', 'INBOX', mail('x'))).toThrow(expect.objectContaining(code));
    expect(() => server.append(alice.address, 'Nowhere', mail('x'))).toThrow(expect.objectContaining(code));
  });
});
