import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail that the server was given, whatever it answered. */
export interface GivenMail {
  readonly from: string;
  readonly to: string;
  readonly raw: Buffer;
  readonly user: string | undefined;
  readonly secure: boolean;
}

/** An answer other than 250, or `drop` to cut the connection instead of answering. */
export type Answer = { readonly code: number; readonly text: string } | 'drop' | undefined;

/** How the server behaves. Each handler may wait; undefined is 250. */
export interface TestSmtpBehaviour {
  readonly onSender?: (address: string) => Answer;
  readonly onRecipient?: (address: string) => Answer;
  /** `count` is 1 for the first mail. */
  readonly onMail?: (mail: GivenMail, count: number) => Answer | Promise<Answer>;
  /** The only login that is taken. Default: none is asked for. */
  readonly login?: { readonly user: string; readonly pass: string };
  readonly tls?: { readonly key: string; readonly cert: string; readonly implicit: boolean };
}

/** A running server. */
export interface TestSmtpServer {
  readonly port: number;
  readonly given: readonly GivenMail[];
  /** Connections there were so far. */
  readonly connections: () => number;
  /** Connections that are open. */
  readonly open: () => number;
  readonly close: () => Promise<void>;
}

/** Starts an SMTP server on a free port of `host`, an address of the loopback interface; or on the port that is given. */
export async function startTestSmtp(
  behaviour: TestSmtpBehaviour = {},
  host = '127.0.0.1',
  port = 0,
): Promise<TestSmtpServer> {
  const { login, tls } = behaviour;
  const given: GivenMail[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const answer = (reply: Answer, callback: (error?: Error | null) => void): void => {
    if (reply === 'drop') cut();
    else if (reply === undefined) callback();
    else callback(Object.assign(new Error(reply.text), { responseCode: reply.code }));
  };
  const options: SMTPServerOptions = {
    logger: false,
    disableReverseLookup: true,
    hideENHANCEDSTATUSCODES: true,
    authOptional: login === undefined,
    allowInsecureAuth: true,
    ...(tls === undefined
      ? { disabledCommands: ['STARTTLS', ...(login === undefined ? ['AUTH'] : [])] }
      : { key: tls.key, cert: tls.cert, secure: tls.implicit, disabledCommands: login === undefined ? ['AUTH'] : [] }),
    onAuth: ({ username, password }, _session, callback) => {
      if (username === login?.user && password === login?.pass) callback(null, { user: username });
      else callback(Object.assign(new Error('5.7.8 Bad credentials'), { responseCode: 535 }));
    },
    onMailFrom: ({ address }, _session, callback) => answer(behaviour.onSender?.(address), callback),
    onRcptTo: ({ address }, _session, callback) => answer(behaviour.onRecipient?.(address), callback),
    onData: (stream, session, callback) => {
      const finish = async (): Promise<void> => {
        const raw = await buffer(stream);
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false || mailFrom === undefined ? '' : mailFrom.address;
        const user = typeof session.user === 'string' ? session.user : undefined;
        const mail = { from, to: rcptTo[0]?.address ?? '', raw, user, secure: session.secure === true };
        given.push(mail);
        answer(await behaviour.onMail?.(mail, given.length), callback);
      };
      finish().catch(callback);
    },
  };
  const server = new SMTPServer(options);
  server.on('error', () => {}); // clients that go away
  server.server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const listening = server.listen(port, host);
  await once(listening, 'listening');
  return {
    port: (listening.address() as AddressInfo).port,
    given,
    connections: () => connections,
    open: () => sockets.size,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(resolve));
      cut();
      await closed;
    },
  };
}
