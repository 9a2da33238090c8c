import type { SieveAccount, SieveCredentials } from './account.js';
import type { Capabilities } from './capabilities.js';
import type { Reply, SieveConnection } from './connection.js';
import { protocolError, SieveError, said } from './errors.js';
import { writeCommand, writeString } from './wire-writer.js';

/** Servers may ask back, but none of our mechanisms has more than one turn. */
const maxChallenges = 3;

/** A mechanism with what it says first; both are not secret from the server alone. */
interface Attempt {
  readonly mechanism: string;
  readonly initial: string;
  /** What to say to a challenge, which with these mechanisms tells why the login failed. */
  readonly next: string;
}

function attemptOf(
  { user, host, port }: SieveAccount,
  credentials: SieveCredentials,
  { mechanisms }: Capabilities,
): Attempt | undefined {
  if (credentials.kind === 'password') {
    // RFC 4616; no authorization identity.
    return mechanisms.has('PLAIN')
      ? { mechanism: 'PLAIN', initial: `\0${user}\0${credentials.password}`, next: '' }
      : undefined;
  }
  const bearer = `auth=Bearer ${credentials.token}\x01\x01`;
  if (mechanisms.has('OAUTHBEARER')) {
    // RFC 7628 §3.1; in the name, "," and "=" are written otherwise (RFC 5801 §4).
    const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C');
    const initial = `n,a=${name},\x01host=${host}\x01port=${port}\x01${bearer}`;
    return { mechanism: 'OAUTHBEARER', initial, next: '\x01' };
  }
  return mechanisms.has('XOAUTH2')
    ? { mechanism: 'XOAUTH2', initial: `user=${user}\x01${bearer}`, next: '' }
    : undefined;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** AUTHENTICATE (RFC 5804 §2.1). Rejects with `ERR_SIEVE_LOGIN`, or `ERR_SIEVE_UNREACHABLE` if it may work later. */
export async function authenticate(
  connection: SieveConnection,
  account: SieveAccount,
  credentials: SieveCredentials,
  capabilities: Capabilities,
): Promise<void> {
  const { host } = account;
  const attempt = attemptOf(account, credentials, capabilities);
  if (attempt === undefined) {
    const offered = said([...capabilities.mechanisms].join(' '));
    const kind = credentials.kind === 'password' ? 'a password' : 'an OAuth 2 token';
    throw new SieveError('ERR_SIEVE_LOGIN', `The ManageSieve server ${host} takes no login by ${kind}${offered}.`);
  }
  let reply: Reply | undefined = await connection.askOrChallenge(
    writeCommand('AUTHENTICATE', attempt.mechanism, base64(attempt.initial)),
  );
  for (let turn = 0; reply === undefined; turn += 1) {
    if (turn === maxChallenges) throw protocolError('does not come to the end of the login');
    const line = Buffer.concat([writeString(base64(attempt.next)), Buffer.from('\r\n')]);
    reply = await connection.askOrChallenge(line);
  }
  const { status, code, text } = reply.answer;
  if (status === 'OK') return;
  if (code === 'TRYLATER') {
    throw new SieveError(
      'ERR_SIEVE_UNREACHABLE',
      `The ManageSieve server ${host} takes no logins at the moment${said(text)}: try again later.`,
      'transient',
    );
  }
  throw new SieveError(
    'ERR_SIEVE_LOGIN',
    `The ManageSieve server ${host} refused the login${said(text)}: check the user in "sieve" or "imap" and the password that password_command, password_file or token_command gives.`,
  );
}
