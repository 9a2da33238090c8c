import { describe, expect, it } from 'vitest';
import { createImapLines } from '../tools/imap-lines.js';
import { type Provider, providers } from './provider.js';
import { createProviderSession } from './provider-session.js';

function provider(name: string): Provider {
  const found = providers.find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no provider ${name}`);
  return found;
}

/** What goes on to either side when the client, then the server, has said this. */
function pass(name: string, { client = '', server = '' }: { client?: string; server?: string }) {
  const session = createProviderSession(provider(name));
  let toClient = '';
  let toServer = '';
  const take = (passed: ReturnType<typeof session.fromClient>): void => {
    toClient += passed.toClient?.toString('latin1') ?? '';
    toServer += passed.toServer?.toString('latin1') ?? '';
  };
  createImapLines((piece) => take(session.fromClient(piece)))(Buffer.from(client, 'latin1'));
  createImapLines((piece) => take(session.fromServer(piece)))(Buffer.from(server, 'latin1'));
  return { toClient, toServer };
}

describe('the proxy of the capability sets', () => {
  it('shows the capabilities of the provider, however they are told', () => {
    const server =
      '* CAPABILITY IMAP4rev1 IDLE QRESYNC NOTIFY\r\na OK [CAPABILITY IMAP4rev1 NOTIFY MOVE] Logged in\r\n';
    expect(pass('like Gmail', { server }).toClient).toBe(
      '* CAPABILITY IMAP4rev1 IDLE X-GM-EXT-1\r\na OK [CAPABILITY IMAP4rev1 MOVE X-GM-EXT-1] Logged in\r\n',
    );
  });

  it.each([
    ['like Yahoo', 'IDLE'],
    ['like Exchange Online', 'SELECT INBOX (CONDSTORE)'],
    ['like Exchange Online', 'UID STORE 7 +FLAGS ($Label1)'],
    ['without MOVE', 'UID MOVE 1 Trash'],
    ['without UIDPLUS', 'UID EXPUNGE 1'],
  ])('%s does not know %s', (name, command) => {
    expect(pass(name, { client: `a ${command}\r\n` })).toEqual({ toClient: 'a BAD Unknown command\r\n', toServer: '' });
  });

  it('like Exchange Online stores the flags that every server has', () => {
    const client = 'a UID STORE 7 +FLAGS.SILENT (\\Seen \\Deleted)\r\n';
    expect(pass('like Exchange Online', { client }).toServer).toBe(client);
  });

  it('like Gmail archives what is expunged', () => {
    expect(pass('like Gmail', { client: 'a UID EXPUNGE 3:4\r\n' }).toServer).toBe('a UID MOVE 3:4 "All Mail"\r\n');
  });

  it('like Exchange Online calls encrypted mail mixed, and says how long it is then', () => {
    const before =
      'A: b\r\nContent-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n boundary=x\r\n';
    const after = 'A: b\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\n';
    const fetched = (body: string): string => `* 1 FETCH (UID 1 BODY[] {${body.length}}\r\n${body} FLAGS ())\r\n`;
    expect(pass('like Exchange Online', { server: fetched(before) }).toClient).toBe(fetched(after));
  });

  it('touches nothing that looks like a response inside a message', () => {
    const literal = '* CAPABILITY NOTIFY\r\n* OK [HIGHESTMODSEQ 1] x\r\n';
    const server = `* 1 FETCH (BODY[] {${literal.length}}\r\n${literal})\r\n`;
    expect(pass('like Exchange Online', { server }).toClient).toBe(server);
  });
});
