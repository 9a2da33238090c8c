import { openStore } from '../../src/distributor/store/index.js';
import type { BusApp } from '../apps/bus-app.js';
import type { TestMailServer } from '../mail-servers/index.js';
import { type Letter, snapshot } from '../system/ordinary-mail.js';

type Mailbox = Readonly<Record<string, readonly Letter[]>>;

/** How a run has ended: what is left of it in the world. Two runs that ended alike are equal. */
export interface EndState {
  /** Every folder without what was there before, apart from UIDs and the name of the channel. */
  readonly newMail: Mailbox;
  /** What was there before and is not as it was. */
  readonly changedMail: Mailbox;
  readonly registrations: readonly { readonly token: string; readonly retired: boolean; readonly pinned: boolean }[];
  /** Which messages are remembered as delivered. */
  readonly delivered: readonly string[];
  /** How many push mails are still worked on, and how many messages are still to be looked at. */
  readonly open: number | undefined;
  readonly unseen: number | undefined;
  /** How many different endpoints the app was told for each token. */
  readonly endpoints: Readonly<Record<string, number>>;
  /** What the app was given, each message once. */
  readonly messages: readonly string[];
  readonly isFarewellSaid: boolean;
}

/** The ids under which an app was given each message, one for each time. */
export type HeardMessages = ReadonlyMap<string, readonly string[]>;

interface GivenMessage {
  readonly token?: { readonly value: string };
  readonly message?: { readonly value: Uint8Array };
  readonly id?: { readonly value: string };
}

/** What an app of version 2 was given. */
export function heardMessages({ heard }: BusApp): HeardMessages {
  const messages = new Map<string, string[]>();
  for (const { member, args } of heard) {
    if (member !== 'Message') continue;
    const { token, message, id } = args[0] as GivenMessage;
    const key = `${token?.value}: ${Buffer.from(message?.value ?? []).toString()}`;
    messages.set(key, [...(messages.get(key) ?? []), id?.value ?? '']);
  }
  return messages;
}

function mailOf(folders: Mailbox, fits: (letter: Letter, folder: string) => boolean): Mailbox {
  const entries = Object.entries(folders).map(([folder, letters]) => [
    folder,
    letters.filter((letter) => fits(letter, folder)),
  ]);
  return Object.fromEntries(entries.filter(([, letters]) => letters !== undefined && letters.length > 0));
}

const sameLetter = (a: Letter, b: Letter): boolean =>
  a.uid === b.uid && a.flags === b.flags && a.date === b.date && a.raw === b.raw;

/** Looks at everything after the daemon has ended; the last mail that came was a push. */
export async function endStateOf({
  server,
  before,
  app,
  stateDirectory,
}: {
  readonly server: TestMailServer;
  readonly before: Mailbox;
  readonly app: BusApp;
  readonly stateDirectory: string;
}): Promise<EndState> {
  const after = await snapshot(server);
  const isIn = (mailbox: Mailbox, folder: string, letter: Letter): boolean =>
    mailbox[folder]?.some((other) => sameLetter(letter, other)) === true;
  const newMail = mailOf(after, (letter, folder) => !isIn(before, folder, letter));
  const messages = heardMessages(app);
  const store = await openStore(stateDirectory);
  try {
    const registrations = await store.registrations();
    const folder = await store.folder('INBOX');
    const wasDelivered = (ids: readonly string[]): boolean =>
      registrations.some(({ channel }) => ids.some((id) => store.wasDelivered(channel, id)));
    return {
      newMail: Object.fromEntries(
        Object.entries(newMail).map(([name, letters]) => [
          name,
          letters.map((letter) => ({ ...letter, uid: 0, raw: letter.raw.replace(/c=[\w-]{27}/, 'c=channel') })),
        ]),
      ),
      changedMail: mailOf(before, (letter, name) => !isIn(after, name, letter)),
      registrations: registrations
        .map(({ token, retiredAt, pin }) => ({ token, retired: retiredAt !== null, pinned: pin !== null }))
        .sort((a, b) => a.token.localeCompare(b.token)),
      delivered: [...messages].flatMap(([message, ids]) => (wasDelivered(ids) ? [message] : [])).sort(),
      open: folder?.open.length,
      unseen: folder === undefined ? undefined : (after.INBOX?.at(-1)?.uid ?? 0) + 1 - folder.lastUid,
      endpoints: Object.fromEntries(
        registrations.map(({ token }) => [token, new Set(app.endpoints(token)).size] as const),
      ),
      messages: [...messages.keys()].sort(),
      isFarewellSaid: app.heard.some(({ member }) => member === 'Unregistered'),
    };
  } finally {
    await store.close();
  }
}
