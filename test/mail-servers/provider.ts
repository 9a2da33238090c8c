import type { HandledPushes } from './test-mail-server.js';

/** How a mail provider differs from the Dovecot behind the proxy. */
export interface Provider {
  readonly name: string;
  /** Whether it has a capability that the Dovecot has. */
  readonly has: (capability: string) => boolean;
  /** Capabilities that the Dovecot has not. */
  readonly more?: readonly string[];
  /** Rewrites a command without its tag. Default: as it is. */
  readonly command?: (command: string) => string;
  /** Rewrites what it gives of a message. Default: as it is. */
  readonly literal?: (bytes: Buffer) => Buffer;
  /** Whether flags of the user's own can be stored. Default true. */
  readonly keywords?: boolean;
  /** Folders that it has besides those of the Dovecot. */
  readonly folders?: readonly string[];
  readonly handled: HandledPushes;
  readonly pollSeconds?: number;
  readonly lacks: readonly string[];
}

const only =
  (...capabilities: string[]) =>
  (capability: string): boolean =>
    capabilities.includes(capability) || /^(AUTH=|IMAP4REV1$|LITERAL|SASL-IR$|ID$)/i.test(capability);

const allBut =
  (...capabilities: string[]) =>
  (capability: string): boolean =>
    !capabilities.includes(capability);

const archive = 'All Mail';

/** Archives what is expunged: it is out of the folder, and in `All Mail` for ever. */
const gmail: Provider = {
  name: 'like Gmail',
  has: only(
    'UNSELECT',
    'IDLE',
    'NAMESPACE',
    'CHILDREN',
    'UIDPLUS',
    'ENABLE',
    'MOVE',
    'CONDSTORE',
    'ESEARCH',
    'SPECIAL-USE',
  ),
  more: ['X-GM-EXT-1'],
  command: (command) =>
    command.replace(/ X-GM-MSGID\b/i, '').replace(/^UID EXPUNGE (\S+)$/i, (_, uids) => `UID MOVE ${uids} "${archive}"`),
  folders: [archive],
  handled: { kind: 'moved', folder: 'Trash' },
  lacks: ['NOTIFY', 'QRESYNC'],
};

/** Keeps no copy of what came in, but makes a mail of its own from it, whose parts it no longer calls encrypted. */
const exchange: Provider = {
  name: 'like Exchange Online',
  has: only('UNSELECT', 'IDLE', 'NAMESPACE', 'CHILDREN', 'UIDPLUS', 'MOVE'),
  literal: (bytes) =>
    Buffer.from(
      bytes
        .toString('latin1')
        .replace(/^(Content-Type: multipart)\/encrypted;\s*protocol="?application\/pgp-encrypted"?/im, '$1/mixed'),
      'latin1',
    ),
  keywords: false,
  handled: { kind: 'removed' },
  lacks: ['SPECIAL-USE', 'CONDSTORE', 'RFC822.SIZE'],
};

const yahoo: Provider = {
  name: 'like Yahoo',
  has: only('UNSELECT', 'NAMESPACE', 'CHILDREN', 'UIDPLUS', 'ENABLE', 'MOVE', 'CONDSTORE', 'ESEARCH', 'SPECIAL-USE'),
  handled: { kind: 'removed' },
  pollSeconds: 1,
  lacks: ['IDLE'],
};

/** What the big providers, and old servers, are like. */
export const providers: readonly Provider[] = [
  gmail,
  exchange,
  yahoo,
  {
    name: 'without UIDPLUS',
    has: allBut('UIDPLUS'),
    handled: { kind: 'moved', folder: 'mailpush-handled' },
    lacks: ['UIDPLUS'],
  },
  { name: 'without MOVE', has: allBut('MOVE'), handled: { kind: 'removed' }, lacks: ['MOVE'] },
  {
    name: 'without UIDPLUS and MOVE',
    has: allBut('UIDPLUS', 'MOVE'),
    handled: { kind: 'left', flags: ['\\Deleted', '\\Seen'] },
    lacks: ['UIDPLUS', 'MOVE'],
  },
];
