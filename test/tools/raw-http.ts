import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One answer of an HTTP server, taken apart. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name; the last, where one comes twice. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A connection to an HTTP server on this machine, over which anything can be sent. */
export interface RawHttp {
  readonly socket: Socket;
  readonly send: (text: string | Uint8Array) => void;
  /** Everything that came so far. */
  readonly received: () => string;
  /** Resolves with everything that came once the server has ended the connection. */
  readonly ended: () => Promise<string>;
  /** Resolves with the next `count` answers. */
  readonly answers: (count: number) => Promise<readonly RawAnswer[]>;
}

/** Opens a connection and sends `text` over it. */
export async function connectHttp(port: number, text: string | Uint8Array = ''): Promise<RawHttp> {
  const socket = connect({ port, host: '127.0.0.1' });
  let received = '';
  let over = false;
  socket.setEncoding('latin1');
  socket.on('data', (data) => {
    received += data;
    socket.emit('news');
  });
  socket.on('error', () => {});
  socket.once('close', () => {
    over = true;
    socket.emit('news');
  });
  socket.once('end', () => socket.end());
  await once(socket, 'connect');
  if (text.length > 0) socket.write(text);

  async function until<T>(read: () => T | undefined): Promise<T> {
    for (;;) {
      const value = read();
      if (value !== undefined) return value;
      if (over) throw new Error(`The connection ended after ${JSON.stringify(received)}`);
      await once(socket, 'news');
    }
  }

  return {
    socket,
    send: (more) => void socket.write(more),
    received: () => received,
    ended: () => until(() => (over ? received : undefined)).catch(() => received),
    answers: (count) =>
      until(() => {
        const all = parseAnswers(received);
        return all.length >= count ? all.slice(0, count) : undefined;
      }),
  };
}

/** The complete answers in what a server sent. */
export function parseAnswers(text: string): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  for (;;) {
    const headerEnd = rest.indexOf('\r\n\r\n');
    if (headerEnd === -1) return answers;
    const [statusLine = '', ...lines] = rest.slice(0, headerEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const bodyEnd = headerEnd + 4 + Number(headers['content-length'] ?? 0);
    if (rest.length < bodyEnd) return answers;
    if (status >= 200) answers.push({ status, headers, body: rest.slice(headerEnd + 4, bodyEnd) });
    rest = rest.slice(status < 200 ? headerEnd + 4 : bodyEnd);
  }
}
