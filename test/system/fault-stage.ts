import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { createConnector } from '../../src/connector/index.js';
import { runDistributor, type Status } from '../../src/distributor/index.js';
import type { ImapTimes } from '../../src/imap/index.js';
import { createRuntime } from '../../src/runtime.js';
import type { TestMailServer } from '../mail-servers/index.js';
import { runCommand } from '../tools/run-command.js';
import { fillMailbox, snapshot } from './ordinary-mail.js';
import { createSetting, type Setting } from './setting.js';

/** A daemon at work for one app in a mailbox with ordinary mail, asked by `mailpush status` how it is. */
export interface FaultStage {
  readonly setting: Setting;
  /** What the app has got. */
  readonly inbox: readonly string[];
  /** Sends a push; nothing is waited for. */
  send(text: string): Promise<void>;
  /** Waits until `mailpush status` has this to say, in one sentence. */
  says(source: string, sentence: RegExp): Promise<void>;
  /**
   * Sends a push and waits until the app has it and nothing is wrong any more; `meanwhile` are those that came while something
   * was. Then no push is left in the mailbox, and the ordinary mail is as it was.
   */
  recovers(...meanwhile: readonly string[]): Promise<void>;
}

/** How a {@link FaultStage} is set up. */
export interface StageOptions {
  /** Where the daemon connects to, if not to the server itself. */
  readonly line?: { readonly host: string; readonly port: number };
  /** The daemon runs in this process with these times, because the usual ones are minutes. Default: the packed daemon. */
  readonly times?: Partial<ImapTimes>;
  /** Default INBOX. Another one is made, and is the sub-address of the user, so that the server files pushes into it. */
  readonly folder?: string;
  /** How long to wait for what comes by itself. Default 20 s. */
  readonly patienceMs?: number;
}

const oneSentence = /^[^\s\p{C}](?:[^\p{C}](?!\. \p{Lu}))*\.$/u;

/** Sets it up for one test; everything but the server ends with the test. */
export async function startFaultStage(given: TestMailServer, options: StageOptions = {}): Promise<FaultStage> {
  const { times, folder = 'INBOX', patienceMs: timeout = 20_000 } = options;
  const address = folder === 'INBOX' ? given.address : given.address.replace('@', `+${folder}@`);
  const server = { ...given, address, imap: { ...given.imap, ...options.line } };
  await fillMailbox(given);
  if (folder !== 'INBOX') await given.createFolder(folder);
  const ordinary = await snapshot(given);
  const setting = await createSetting(server, `folder = "${folder}"\n`);
  onTestFinished(() => setting.stop());
  if (times === undefined) {
    await setting.startDaemon();
  } else {
    await runHere(setting, { times, folder });
  }

  async function problems(): Promise<Record<string, string>> {
    const environment = { DBUS_SESSION_BUS_ADDRESS: setting.bus.address };
    const { code, stdout, stderr } = await runCommand(['status', '--json'], { environment });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { problems: all } = JSON.parse(stdout) as Status;
    return Object.fromEntries(all.map(({ source, sentence }) => [source, sentence]));
  }

  const connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
  onTestFinished(() => connector.close());
  const registration = await connector.register({ token: 'app' });
  const inbox: string[] = [];
  void (async () => {
    for await (const message of registration.messages()) {
      inbox.push(Buffer.from(message.data).toString());
      message.accept();
    }
  })().catch(() => {});
  const send = async (text: string): Promise<void> => void (await setting.sender.send(registration.endpoint, text));
  await send('before');
  await expect.poll(() => inbox, { timeout }).toEqual(['before']);

  return {
    setting,
    inbox,
    send,
    says: async (source, sentence) => {
      await expect
        .poll(problems, { timeout, interval: 100 })
        .toMatchObject({ [source]: expect.stringMatching(sentence) });
      for (const each of Object.values(await problems())) expect(each).toMatch(oneSentence);
    },
    recovers: async (...meanwhile) => {
      await send('after');
      await expect.poll(() => [...inbox].sort(), { timeout }).toEqual(['after', 'before', ...meanwhile].sort());
      await expect.poll(problems, { timeout, interval: 100 }).toEqual({});
      await expect.poll(() => snapshot(given), { timeout }).toEqual(ordinary);
    },
  };
}

/** Runs the distributor as the command `daemon` does, but for its times. */
async function runHere(
  { server, bus, directory }: Setting,
  { times, folder }: { readonly times: Partial<ImapTimes>; readonly folder: string },
): Promise<void> {
  const { host, port, user, password, security, ca } = server.imap;
  const ending = new AbortController();
  let ready = (): void => {};
  const isReady = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const log = ({ event }: Readonly<Record<string, unknown>>): void => {
    if (event === 'imap.connected') ready();
  };
  const running = runDistributor(
    {
      account: {
        host,
        port,
        security,
        user,
        folder,
        credentials: async () => ({ kind: 'password', password }),
        ...(ca === undefined ? {} : { ca: await readFile(ca, 'utf8') }),
      },
      address: server.address,
      stateDirectory: join(directory, 'state'),
      policy: 'allow',
      keepRejected: false,
      busAddress: bus.address,
      systemBusAddress: `unix:path=${join(directory, 'no-system-bus')}`,
      times,
      version: '0',
      runtime: createRuntime({ debug: log, info: log, warn: log, error: log }),
    },
    ending.signal,
  );
  onTestFinished(async () => {
    ending.abort();
    await running;
  });
  await Promise.race([isReady, running]);
}
