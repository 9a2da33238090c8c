import { setTimeout as delay } from 'node:timers/promises';
import { ImapFlow } from 'imapflow';
import { formatInternalDate } from '../../src/demo/hoodiecrow-repairs.js';
import { connectRawImap } from '../tools/raw-imap.js';
import type { AppendOptions, MailboxSnapshot } from './test-mail-server.js';

/** What a test does to a mailbox from outside, over an IMAP connection of its own. */
export interface ImapAdmin {
  append(folder: string, raw: Uint8Array, options?: AppendOptions): Promise<number>;
  appendAll(folder: string, raws: readonly Uint8Array[], options?: AppendOptions): Promise<void>;
  createFolder(path: string): Promise<void>;
  deleteFolder(path: string): Promise<void>;
  snapshot(): Promise<MailboxSnapshot>;
  close(): void;
}

/** Where the admin logs in, in plain text. */
export interface ImapLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** Logs in at the first use, and again after its connection has ended; works with any server that has UIDPLUS. */
export function createImapAdmin(to: ImapLogin): ImapAdmin {
  let connecting: Promise<ImapFlow> | undefined;
  const connected = (): Promise<ImapFlow> => {
    connecting ??= connectAgain(to, () => {
      connecting = undefined;
    });
    return connecting;
  };
  const append: ImapAdmin['append'] = async (folder, raw, options = {}) => {
    const client = await connected();
    const appended = await client.append(folder, Buffer.from(raw), [...(options.flags ?? [])], options.date);
    if (appended === false || appended.uid === undefined) {
      throw new Error(`The server did not say which UID the message got in ${folder}`);
    }
    return appended.uid;
  };
  return {
    append,
    async appendAll(folder, raws, options = {}) {
      if (!(await multiAppend(to, folder, raws, options))) {
        for (const raw of raws) {
          await append(folder, raw, options);
        }
      }
    },
    async createFolder(path) {
      await (await connected()).mailboxCreate(path);
    },
    async deleteFolder(path) {
      await (await connected()).mailboxDelete(path);
    },
    async snapshot() {
      return snapshotOf(await connected());
    },
    close() {
      connecting?.then((client) => client.close()).catch(() => {});
    },
  };
}

/** A server that reads its files again closes what comes in that moment. */
async function connectAgain(to: ImapLogin, closed: () => void): Promise<ImapFlow> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const client = await connect(to);
      client.on('close', closed);
      return client;
    } catch (error) {
      if (attempt === 20 || (error as { authenticationFailed?: boolean }).authenticationFailed) {
        closed();
        throw error;
      }
      await delay(50);
    }
  }
}

async function connect(to: ImapLogin): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: to.host,
    port: to.port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: to.user, pass: to.password },
    disableAutoIdle: true,
    logger: false,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Appends all in one command (RFC 3502), which is ten times as quick; false where the server cannot. */
async function multiAppend(
  to: ImapLogin,
  folder: string,
  raws: readonly Uint8Array[],
  options: AppendOptions,
): Promise<boolean> {
  const client = await connectRawImap(to);
  try {
    await client.command(`LOGIN "${to.user}" "${to.password}"`);
    const capabilities = (await client.command('CAPABILITY')).join(' ');
    if (!capabilities.includes(' MULTIAPPEND') || !capabilities.includes(' LITERAL+') || raws.length === 0) {
      return false;
    }
    const before = `(${(options.flags ?? []).join(' ')}) "${formatInternalDate(options.date ?? new Date())}"`;
    const messages = raws.map((raw) => ` ${before} {${raw.length}+}\r\n${Buffer.from(raw).toString('latin1')}`);
    const reply = (await client.command(`APPEND "${folder}"${messages.join('')}`)).at(-1);
    if (!/^t\d+ OK /.test(reply ?? '')) {
      throw new Error(`The server refused to append to ${folder}: ${reply}`);
    }
    return true;
  } finally {
    client.close();
  }
}

async function snapshotOf(client: ImapFlow): Promise<MailboxSnapshot> {
  const folders: [string, MailboxSnapshot[string]][] = [];
  for (const { path, flags } of await client.list()) {
    if (!flags.has('\\Noselect') && !flags.has('\\NonExistent')) {
      folders.push([path, await messagesOf(client, path)]);
    }
  }
  return Object.fromEntries(folders);
}

async function messagesOf(client: ImapFlow, path: string): Promise<MailboxSnapshot[string]> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const { exists } = await client.mailboxOpen(path, { readOnly: true });
    // imapflow asks an empty folder for 1:*, which is an error.
    const items = { uid: true, flags: true, internalDate: true, source: true };
    const fetched = exists === 0 ? [] : await client.fetchAll('1:*', items);
    // Opened by EXAMINE, so that closing it expunges nothing; left open, it would be stale at the next look.
    await client.mailboxClose();
    const messages = fetched.flatMap(({ uid, flags = new Set(), internalDate, source }) =>
      internalDate === undefined || source === undefined
        ? []
        : {
            uid,
            flags: [...flags].filter((flag) => flag !== '\\Recent').sort(),
            internalDate: new Date(internalDate),
            bytes: new Uint8Array(source),
          },
    );
    // Less comes of a message that somebody else changes or removes at the same time.
    if (messages.length === fetched.length) return messages.sort((one, other) => one.uid - other.uid);
  }
  throw new Error(`The folder ${path} is never quiet`);
}
