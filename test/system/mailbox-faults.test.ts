import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Connector, createConnector, type Registration } from '../../src/connector/index.js';
import { describeEachMailServer, type MailServerKind, type TestMailServer } from '../mail-servers/index.js';
import { type Inbox, openInbox } from './inbox.js';
import { fillMailbox, type Letter, snapshot } from './ordinary-mail.js';
import { createSetting, type Daemon, type Setting } from './setting.js';

const on = ({ name }: MailServerKind): boolean => ['hoodiecrow', 'Dovecot', 'GreenMail'].includes(name);
/** Some logins a minute are all that the daemon allows itself. */
const patient = { timeout: 60_000 };

/** The user's other mail program. */
async function connectOther({ imap }: TestMailServer): Promise<ImapFlow> {
  const { host, port, user, password: pass } = imap;
  const client = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth: { user, pass }, logger: false });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** The UID of the newest mail in the INBOX, which is left open. */
async function newestUid(client: ImapFlow): Promise<string> {
  await client.mailboxOpen('INBOX');
  const newest = await client.fetchOne('*', { uid: true });
  if (newest === false || newest === undefined) throw new Error('There is no mail.');
  return `${newest.uid}`;
}

interface App {
  readonly registration: Registration;
  readonly next: Inbox['nextText'];
}

async function register(connector: Connector, token: string): Promise<App> {
  const registration = await connector.register({ token });
  return { registration, next: openInbox(registration).nextText };
}

describeEachMailServer('a mailbox that others use too', { on }, (kind) => {
  let setting: Setting;
  let daemon: Daemon;
  let connector: Connector;
  let other: ImapFlow;
  let ordinary: Record<string, Letter[]>;

  beforeAll(async () => {
    setting = await createSetting(await kind.start());
    await fillMailbox(setting.server);
    ordinary = await snapshot(setting.server);
    daemon = await setting.startDaemon();
    connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
    other = await connectOther(setting.server);
  });

  afterAll(async () => {
    other?.close();
    await connector?.close();
    await setting?.stop();
  });

  it('brings the next push when one is expunged by another client while its app has it', patient, async () => {
    const app = await register(connector, 'expunged');
    await setting.sender.send(app.registration.endpoint, 'one');
    expect(
      await app.next(async () => {
        await other.messageDelete(await newestUid(other), { uid: true });
      }),
    ).toBe('one');
    await setting.sender.send(app.registration.endpoint, 'two');
    expect(await app.next()).toBe('two');
  });

  it('delivers once what another client moves away, and leaves it there', patient, async () => {
    const app = await register(connector, 'moved');
    await setting.sender.send(app.registration.endpoint, 'one');
    expect(
      await app.next(async () => {
        await other.messageMove(await newestUid(other), 'Work', { uid: true });
      }),
    ).toBe('one');
    await setting.sender.send(app.registration.endpoint, 'two');
    expect(await app.next()).toBe('two');
    const moved = (await snapshot(setting.server)).Work?.filter(({ raw }) => /^Autocrypt:/m.test(raw)) ?? [];
    expect(moved).toHaveLength(1);
    ordinary.Work?.push(...moved);
  });

  it('delivers what was filed as spam while it was away, and says so', patient, async () => {
    const app = await register(connector, 'spam');
    await daemon.stop();
    await setting.sender.send(app.registration.endpoint, 'misfiled');
    await other.messageMove(await newestUid(other), 'Junk', { uid: true });
    daemon = await setting.startDaemon();
    expect(await app.next()).toBe('misfiled');
    await daemon.logged('push.spam');
    await setting.sender.send(app.registration.endpoint, 'next');
    expect(await app.next()).toBe('next');
  });

  it('is shared with another device that has channels of its own', patient, async () => {
    const second = await createSetting(setting.server);
    try {
      const device = await second.startDaemon();
      const theirs = await createConnector({ service: 'org.example.App', busAddress: second.bus.address });
      try {
        const [one, two] = await Promise.all([register(connector, 'shared'), register(theirs, 'shared')]);
        for (const text of ['a', 'b', 'c']) {
          await Promise.all([one, two].map((app) => setting.sender.send(app.registration.endpoint, text)));
          expect(await Promise.all([one.next(), two.next()])).toEqual([text, text]);
          await device.logged('push.removed');
        }
      } finally {
        await theirs.close();
      }
    } finally {
      await second.stop();
    }
  });

  it('holds in the end the ordinary mail as it was, and nothing else', patient, async () => {
    await expect.poll(() => snapshot(setting.server), { timeout: 20_000 }).toEqual(ordinary);
  });
});

describeEachMailServer('a folder for pushes', { on: ({ name }) => name === 'Dovecot' }, (kind) => {
  let setting: Setting;
  let daemon: Daemon;
  let connector: Connector;
  let other: ImapFlow;
  let app: App;
  let ordinary: Record<string, Letter[]>;

  beforeAll(async () => {
    setting = await createSetting(await kind.start(), 'folder = "Push"\n');
    await fillMailbox(setting.server);
    await setting.server.createFolder('Push');
    ordinary = await snapshot(setting.server);
    daemon = await setting.startDaemon();
    connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
    other = await connectOther(setting.server);
    app = await register(connector, 'filed');
  });

  afterAll(async () => {
    other?.close();
    await connector?.close();
    await setting?.stop();
  });

  /** Sends a push, which a filing rule would put into the folder: here it is the other mail program that does. */
  async function sendFiled(text: string): Promise<void> {
    await setting.sender.send(app.registration.endpoint, text);
    await other.messageMove(await newestUid(other), 'Push', { uid: true });
  }

  it('brings what is filed into it', patient, async () => {
    await sendFiled('one');
    expect(await app.next()).toBe('one');
    await daemon.logged('push.removed');
  });

  it('is searched when its messages were numbered anew while the daemon was away', patient, async () => {
    await daemon.stop();
    await other.mailboxDelete('Push');
    await other.mailboxCreate('Push');
    await sendFiled('new numbers');
    daemon = await setting.startDaemon();
    expect(await app.next()).toBe('new numbers');
    await daemon.logged('push.removed');
  });

  it(
    'loses no push that the rule of the server has left in the INBOX, and says that filing is broken',
    patient,
    async () => {
      await daemon.stop();
      await setting.sender.send(app.registration.endpoint, 'not filed');
      daemon = await setting.startDaemon();
      expect(await app.next()).toBe('not filed');
      await daemon.logged('filing.broken');
      await daemon.logged('push.removed');
      await sendFiled('filed again');
      expect(await app.next()).toBe('filed again');
    },
  );

  describe('afterwards', () => {
    it('holds nothing, and the ordinary mail is as it was', patient, async () => {
      await expect.poll(() => snapshot(setting.server), { timeout: 20_000 }).toEqual(ordinary);
    });
  });
});
