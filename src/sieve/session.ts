import type { Runtime } from '../runtime.js';
import { defaultTimes, type SieveAccount, type SieveTimes } from './account.js';
import { type Answer, utf8 } from './answer.js';
import { authenticate } from './authenticate.js';
import { type Capabilities, readCapabilities } from './capabilities.js';
import { connect, type Reply, type SieveConnection } from './connection.js';
import { protocolError, SieveError, said } from './errors.js';
import { writeCommand } from './wire-writer.js';

/** A script as the server lists it. */
export interface ListedScript {
  readonly name: string;
  readonly isActive: boolean;
}

/**
 * A user's Sieve scripts, over one connection that is logged in. Everything rejects with a {@link SieveError}:
 * `ERR_SIEVE_REFUSED`, `ERR_SIEVE_QUOTA`, `ERR_SIEVE_PROTOCOL` or `ERR_SIEVE_UNREACHABLE`.
 */
export interface SieveSession {
  /** The Sieve extensions that scripts may use, in lower case. */
  readonly extensions: ReadonlySet<string>;
  list(): Promise<readonly ListedScript[]>;
  /** The bytes of a script. */
  get(name: string): Promise<Buffer>;
  /** Puts a script there, in the place of one with this name. It is refused whole if it is no Sieve. */
  put(name: string, script: string): Promise<void>;
  /** Asks whether the server would take a script; why not comes back if it would not. A server that cannot be asked does. */
  check(script: string): Promise<string | undefined>;
  /** Asks whether there is room for a script; rejects with `ERR_SIEVE_QUOTA` if not. */
  haveSpace(name: string, sizeBytes: number): Promise<void>;
  /** Makes this the one script that is run; undefined: none is. */
  activate(name: string | undefined): Promise<void>;
  delete(name: string): Promise<void>;
  /** Logs out; the connection is closed whatever the server says. */
  close(): Promise<void>;
}

function refusal(host: string, what: string, { code, text }: Answer): SieveError {
  if (code?.startsWith('QUOTA') === true) {
    const advice = 'remove a script that you do not need';
    return new SieveError('ERR_SIEVE_QUOTA', `${host} has no room for another Sieve script${said(text)}: ${advice}.`);
  }
  if (code === 'TRYLATER') {
    const message = `${host} cannot ${what} at the moment${said(text)}: try again later.`;
    return new SieveError('ERR_SIEVE_REFUSED', message, 'transient');
  }
  return new SieveError('ERR_SIEVE_REFUSED', `${host} refuses to ${what}${said(text)}.`);
}

/** Capabilities come unasked when the connection is made, and after STARTTLS (RFC 5804 §1.7, §2.2). */
async function greeting(connection: SieveConnection): Promise<Capabilities> {
  const { lines, answer } = await connection.ask(new Uint8Array());
  if (answer.status !== 'OK') throw protocolError(`greets with a refusal${said(answer.text)}`);
  return readCapabilities(lines);
}

/** Encrypts if it can and must; nothing secret has been said before. */
async function encrypted(
  connection: SieveConnection,
  { host, mustEncrypt }: SieveAccount,
  before: Capabilities,
): Promise<Capabilities> {
  if (!before.startTls) {
    if (!mustEncrypt) return before;
    throw new SieveError(
      'ERR_SIEVE_TLS',
      `The ManageSieve server ${host} offers no STARTTLS, and without it no password is told: name another server in "sieve".`,
    );
  }
  const { answer } = await connection.ask(writeCommand('STARTTLS'));
  if (answer.status !== 'OK') {
    throw new SieveError('ERR_SIEVE_TLS', `The ManageSieve server ${host} refuses STARTTLS${said(answer.text)}.`);
  }
  await connection.encrypt();
  return await greeting(connection);
}

/**
 * Connects and logs in.
 *
 * Rejects with a {@link SieveError}: `ERR_SIEVE_UNREACHABLE`, `ERR_SIEVE_TLS`, `ERR_SIEVE_LOGIN` or `ERR_SIEVE_PROTOCOL`;
 * with whatever the account's `credentials` reject with; with the signal's reason when it is aborted, also later. Nothing is left
 * open then.
 */
export async function openSession(
  account: SieveAccount,
  runtime: Pick<Runtime, 'sleep'>,
  signal: AbortSignal,
  times: SieveTimes = defaultTimes,
): Promise<SieveSession> {
  const { host } = account;
  const connection = await connect(account, times, runtime, signal);
  try {
    const capabilities = await encrypted(connection, account, await greeting(connection));
    await authenticate(connection, account, await account.credentials(signal), capabilities);
    // What may be done can change with the login.
    const { lines, answer } = await connection.ask(writeCommand('CAPABILITY'));
    if (answer.status !== 'OK') throw refusal(host, 'tell what it can do', answer);
    return sessionOn(connection, host, readCapabilities(lines));
  } catch (error) {
    connection.close();
    throw error;
  }
}

function sessionOn(connection: SieveConnection, host: string, { extensions, isStandard }: Capabilities): SieveSession {
  async function run(what: string, ...command: Parameters<typeof writeCommand>): Promise<Reply> {
    const reply = await connection.ask(writeCommand(...command));
    if (reply.answer.status !== 'OK') throw refusal(host, what, reply.answer);
    return reply;
  }
  return {
    extensions,
    list: async () => {
      const { lines } = await run('list the Sieve scripts', 'LISTSCRIPTS');
      return lines.map(([name, active]) => ({
        name: utf8(name),
        isActive: active?.kind === 'word' && active.text.toUpperCase() === 'ACTIVE',
      }));
    },
    get: async (name) => {
      const { lines } = await run(`show the Sieve script "${name}"`, 'GETSCRIPT', name);
      const [script, ...more] = lines.flat();
      if (script?.kind !== 'string' || more.length > 0) throw protocolError('sends what is no script');
      return script.bytes;
    },
    put: async (name, script) => void (await run(`take the Sieve script "${name}"`, 'PUTSCRIPT', name, script)),
    check: async (script) => {
      if (!isStandard) return undefined;
      const { answer } = await connection.ask(writeCommand('CHECKSCRIPT', script));
      return answer.status === 'OK' ? undefined : answer.text;
    },
    haveSpace: async (name, sizeBytes) => void (await run('make room for a script', 'HAVESPACE', name, sizeBytes)),
    activate: async (name) => void (await run('make another Sieve script active', 'SETACTIVE', name ?? '')),
    delete: async (name) => void (await run(`delete the Sieve script "${name}"`, 'DELETESCRIPT', name)),
    close: async () => {
      await connection.ask(writeCommand('LOGOUT')).catch(() => {});
      connection.close();
    },
  };
}
