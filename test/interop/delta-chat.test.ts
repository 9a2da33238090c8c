import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { armorPrivateKey, chooseAutocrypt, parsePrivateKey, parsePublicKey } from '../../src/crypto/index.js';
import { createSender } from '../../src/sender/index.js';
import { dovecot } from '../mail-servers/dovecot.js';
import type { TestMailServer } from '../mail-servers/index.js';
import { address, createChannel, from, useSenderFixture } from '../tools/sender-fixture.js';
import { makeTemporaryDirectory } from '../tools/temporary-directory.js';
import { type DeltaChat, deltaChatIsThere, startDeltaChat } from './delta-chat.js';
import { canRun } from './outside-program.js';

const isThere = canRun('Delta Chat on Dovecot', deltaChatIsThere && dovecot.available, 'scripts/test-servers');
const fixture = useSenderFixture();

/** The values of the Autocrypt headers of a mail. */
function autocryptOf(raw: Buffer): string[] {
  const header = raw.toString('latin1').split('\r\n\r\n')[0] ?? '';
  const fields = header.replace(/\r\n(?=[ \t])/g, '').split('\r\n');
  return fields.flatMap((field) => /^autocrypt:(.*)$/i.exec(field)?.[1] ?? []);
}

describe.skipIf(!isThere)("with Delta Chat's core", () => {
  let server: TestMailServer;
  let directory: Awaited<ReturnType<typeof makeTemporaryDirectory>>;
  let chat: DeltaChat;

  beforeAll(async () => {
    server = await dovecot.start();
    directory = await makeTemporaryDirectory();
    chat = startDeltaChat(directory.path);
  });

  afterAll(async () => {
    await chat?.stop();
    await server?.stop();
    await directory?.remove();
  });

  /** An account for Alice's mailbox; its mail goes out over `smtp`. */
  async function addAccount(smtp: { host: string; port: number }, key?: string): Promise<number> {
    const account = (await chat.call('add_account')) as number;
    await chat.call('batch_set_config', account, { bot: '1', force_encryption: '0' });
    if (key !== undefined) {
      const file = join(directory.path, `${account}.key`);
      await writeFile(file, key);
      await chat.call('import_self_keys', account, file, null);
    }
    await chat.call('add_or_update_transport', account, {
      addr: server.address,
      password: server.imap.password,
      imapServer: server.imap.host,
      imapPort: server.imap.port,
      imapSecurity: 'plain',
      imapUser: server.imap.user,
      smtpServer: smtp.host,
      smtpPort: smtp.port,
      smtpSecurity: 'plain',
    });
    await chat.call('start_io', account);
    return account;
  }

  /** The next message from somebody else. */
  async function nextMessage(account: number): Promise<Record<string, unknown>> {
    for (;;) {
      const { event } = (await chat.call('get_next_event')) as { event: { kind: string; msgId?: number } };
      if (!['IncomingMsg', 'MsgsChanged'].includes(event.kind) || !event.msgId) continue;
      const message = (await chat.call('get_message', account, event.msgId)) as Record<string, unknown>;
      if (message.isInfo !== true) return message;
    }
  }

  async function exportedKey(account: number): Promise<string> {
    await chat.call('export_self_keys', account, directory.path, null);
    const file = (await readdir(directory.path)).find((name) => name.startsWith('private-key')) ?? '';
    return await readFile(join(directory.path, file), 'utf8');
  }

  it('a push decrypts, and counts as encrypted and signed by its sender', async () => {
    const channel = await createChannel();
    const account = await addAccount(server.smtp, armorPrivateKey(channel.key));
    const sender = createSender({
      smtp: `smtp://${server.smtp.host}:${server.smtp.port}`,
      from,
      key: fixture().senderKey,
    });
    await sender.send(channel.endpoint, 'Hello');
    await sender.close();
    const message = await nextMessage(account);
    // The padlock is there for what was encrypted and has a valid signature.
    expect(message).toMatchObject({ showPadlock: true, error: null, sender: { address: from, isKeyContact: true } });
    const { id } = message.sender as { id: number };
    const info = String(await chat.call('get_contact_encryption_info', account, id)).replace(/\s/g, '');
    expect(info.toLowerCase()).toContain(fixture().senderKey.fingerprint);
  });

  it('its Autocrypt header is read, and its key can be used', async () => {
    const smtp = await fixture().startSmtp();
    const account = await addAccount({ host: '127.0.0.1', port: smtp.port });
    const contact = await chat.call('create_contact', account, 'bob@example.org', null);
    await chat.call(
      'misc_send_text_message',
      account,
      await chat.call('create_chat_by_contact_id', account, contact),
      'Hi',
    );
    await expect.poll(() => smtp.given).toHaveLength(1);
    const header = chooseAutocrypt(autocryptOf(smtp.given[0]?.raw ?? Buffer.alloc(0)));
    expect(header).toMatchObject({ address, preferEncrypt: 'mutual' });
    const key = await parsePublicKey(header?.keydata ?? new Uint8Array());
    expect(key.fingerprint).toBe((await parsePrivateKey(await exportedKey(account))).fingerprint);
  });
});
