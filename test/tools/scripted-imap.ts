import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';

/** A message of the scripted server: only what a look and a fetch ask for. */
export interface ScriptedMessage {
  readonly uid: number;
  /** Its Email-Notify lines with their line ends, without the empty line behind them. */
  readonly header?: string;
  readonly body?: string;
}

/** One command as it came in. */
export interface ScriptedCommand {
  readonly tag: string;
  /** Upper case, with `UID ` in front where it was. */
  readonly name: string;
  readonly args: string;
  /** Counted from 1 over all connections. */
  readonly connection: number;
  /** Sends text as it is. */
  readonly write: (text: string) => void;
  /** Sends a line. */
  readonly line: (text: string) => void;
  /** Ends the connection after what has been sent. */
  readonly end: () => void;
  /** Answers as the server would have done on its own. */
  readonly proceed: () => void;
}

/** What a scripted server is like. */
export interface ScriptedImapOptions {
  readonly capabilities?: string;
  /** Default `* OK ready`. The empty string says nothing at all. */
  readonly greeting?: string;
  /** Told of every command; what it returns true for is not answered any further. */
  readonly on?: (command: ScriptedCommand) => boolean | undefined;
  readonly uidValidity?: number;
  /** Default one more than the last UID; null leaves it out of the answer to SELECT. */
  readonly uidNext?: number | null;
  readonly messages?: readonly ScriptedMessage[];
  /** Speaks TLS from the first byte. */
  readonly tls?: ServerKey;
  /** Speaks TLS after STARTTLS; name that capability too. */
  readonly startTls?: ServerKey;
}

/** A private key and its certificate, in PEM. */
export interface ServerKey {
  readonly key: string;
  readonly cert: string;
}

/** A very small IMAP server that misbehaves as a test wants it to, for what real servers cannot be made to do. */
export interface ScriptedImap {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Every command so far, `NAME args`. */
  readonly commands: readonly string[];
  /** Puts a message in and announces it to those that idle, and to others as soon as they idle or ask. */
  add(message: ScriptedMessage): void;
  /** Puts other messages in place of those that are there, by which no open session is told anything. */
  replace(messages: readonly ScriptedMessage[], uidValidity?: number): void;
  /** From now on nobody who idles hears of what is added, until it is set back. */
  forget(forgets: boolean): void;
  /** Sends a line on every open connection. */
  announce(line: string): void;
  /** Ends every open connection after what has been sent on it. */
  hangUp(): void;
  /** Resolves when clients have had the time to read all that has been sent. */
  flushed(): Promise<void>;
  connections(): { readonly open: number; readonly mostOpen: number; readonly made: number };
}

interface Session {
  socket: Socket;
  readonly number: number;
  idleTag: string | undefined;
  /** How many messages its client knows of. */
  told: number;
}

function inSet(uid: number, set: string, last: number): boolean {
  return set.split(',').some((part) => {
    const [from = 0, to = from] = part.split(':').map((end) => (end === '*' ? last : Number(end)));
    return uid >= Math.min(from, to) && uid <= Math.max(from, to);
  });
}

/** Starts a server that ends with the running test. */
export async function startScriptedImap(options: ScriptedImapOptions = {}): Promise<ScriptedImap> {
  const { capabilities = 'IMAP4rev1 IDLE UIDPLUS', greeting = '* OK ready' } = options;
  let { uidValidity = 1000 } = options;
  const messages = [...(options.messages ?? [])];
  const sessions = new Set<Session>();
  const commands: string[] = [];
  let made = 0;
  let mostOpen = 0;
  let forgets = false;

  const nextUid = (): number => options.uidNext ?? (messages.at(-1)?.uid ?? 0) + 1;

  function fetched(message: ScriptedMessage, items: string): string {
    const parts = [`UID ${message.uid}`];
    const bounded = (text: string): string => text.slice(0, Number(/<0\.(\d+)>/.exec(items)?.[1] ?? text.length));
    if (/RFC822\.SIZE/i.test(items)) parts.push('RFC822.SIZE 100');
    if (/HEADER\.FIELDS/i.test(items)) {
      const text = bounded(`${message.header ?? ''}\r\n`);
      parts.push(`BODY[HEADER.FIELDS (Email-Notify)]<0> {${text.length}}\r\n${text}`);
    }
    if (/BODY\.PEEK\[\]/i.test(items)) {
      const text = bounded(message.body ?? '');
      parts.push(`BODY[]<0> {${text.length}}\r\n${text}`);
    }
    return `* ${messages.indexOf(message) + 1} FETCH (${parts.join(' ')})`;
  }

  /** The lines in front of the tagged reply, or undefined for a command that is not known. */
  function answer(name: string, args: string): string[] | undefined {
    const set = args.split(' ', 1)[0] ?? '';
    const last = messages.at(-1)?.uid ?? 0;
    switch (name) {
      case 'CAPABILITY':
        return [`* CAPABILITY ${capabilities}`];
      case 'LIST':
        return [args === '"" ""' ? '* LIST (\\Noselect) "/" ""' : '* LIST () "/" INBOX'];
      case 'SELECT':
      case 'EXAMINE': {
        const next = options.uidNext === null ? [] : [`* OK [UIDNEXT ${nextUid()}] next`];
        return [`* ${messages.length} EXISTS`, `* OK [UIDVALIDITY ${uidValidity}] valid`, ...next];
      }
      case 'STATUS':
        return [`* STATUS INBOX (UIDNEXT ${nextUid()} UIDVALIDITY ${uidValidity})`];
      case 'UID FETCH':
        return messages.filter(({ uid }) => inSet(uid, set, last)).map((message) => fetched(message, args));
      case 'UID SEARCH':
        return [`* SEARCH ${messages.map(({ uid }) => uid).join(' ')}`];
      case 'LOGOUT':
        return ['* BYE bye'];
      case 'LOGIN':
      case 'NAMESPACE':
      case 'LSUB':
      case 'NOOP':
      case 'UID STORE':
      case 'UID EXPUNGE':
      case 'UID MOVE':
      case 'CREATE':
      case 'SUBSCRIBE':
        return [];
      default:
        return undefined;
    }
  }

  function tellNews(session: Session): void {
    if (session.told === messages.length) return;
    session.told = messages.length;
    session.socket.write(`* ${messages.length} EXISTS\r\n`);
  }

  function receive(session: Session, text: string): void {
    const line = (reply: string): void => {
      if (session.socket.writable) session.socket.write(`${reply}\r\n`, 'latin1');
    };
    if (session.idleTag !== undefined && text.toUpperCase() === 'DONE') {
      commands.push('DONE');
      line(`${session.idleTag} OK idled`);
      session.idleTag = undefined;
      return;
    }
    const [, tag = '', name = '', args = ''] = /^(\S+) ((?:UID )?\S+) ?(.*)$/i.exec(text) ?? [];
    const command = name.toUpperCase();
    commands.push(`${command} ${args}`.trim());
    const proceed = (): void => {
      if (command === 'IDLE') {
        session.idleTag = tag;
        line('+ idling');
        if (!forgets) tellNews(session);
        return;
      }
      if (command === 'NOOP') tellNews(session);
      if (command === 'SELECT') session.told = messages.length;
      const lines = answer(command, args);
      for (const each of lines ?? []) line(each);
      line(lines === undefined ? `${tag} BAD unknown` : `${tag} OK done`);
      if (command === 'LOGOUT') session.socket.end();
    };
    if (command === 'STARTTLS' && options.startTls !== undefined) {
      line(`${tag} OK begin`);
      startTls(session, options.startTls);
      return;
    }
    const handled = options.on?.({
      tag,
      name: command,
      args,
      connection: session.number,
      write: (raw) => session.socket.write(raw, 'latin1'),
      line,
      end: () => session.socket.end(),
      proceed,
    });
    if (handled !== true) proceed();
  }

  function listen(session: Session): void {
    const { socket } = session;
    let unread = '';
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      const lines = (unread + bytes.toString('latin1')).split('\r\n');
      unread = lines.pop() ?? '';
      for (const line of lines) receive(session, line);
    });
  }

  function startTls(session: Session, { key, cert }: ServerKey): void {
    const plain = session.socket;
    plain.removeAllListeners('data');
    session.socket = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext({ key, cert }) });
    listen(session);
  }

  function serve(socket: Socket): void {
    made += 1;
    const session: Session = { socket, number: made, idleTag: undefined, told: 0 };
    sessions.add(session);
    mostOpen = Math.max(mostOpen, sessions.size);
    socket.setNoDelay(true);
    socket.on('end', () => sessions.delete(session));
    socket.on('close', () => sessions.delete(session));
    listen(session);
    if (greeting !== '') socket.write(`${greeting}\r\n`);
  }

  const all = new Set<Socket>();
  const server = options.tls === undefined ? createServer(serve) : createTlsServer(options.tls, serve);
  server.on('connection', (socket: Socket) => {
    all.add(socket);
    socket.on('close', () => all.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of all) socket.destroy();
    await closed;
  });
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    commands,
    add: (message) => {
      messages.push(message);
      if (forgets) return;
      for (const session of sessions) if (session.idleTag !== undefined) tellNews(session);
    },
    replace: (others, numbering = uidValidity) => {
      messages.splice(0, messages.length, ...others);
      uidValidity = numbering;
    },
    forget: (value) => {
      forgets = value;
    },
    announce: (line) => {
      for (const { socket } of sessions) socket.write(`${line}\r\n`);
    },
    hangUp: () => {
      for (const { socket } of sessions) socket.end();
    },
    flushed: async () => {
      // Both ends are in this process: what is written now is read two turns of its loop later.
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
    connections: () => ({ open: sessions.size, mostOpen, made }),
  };
}
