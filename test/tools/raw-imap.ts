import { once } from 'node:events';
import { connect } from 'node:net';

/** An IMAP client without any understanding, for commands that imapflow does not send. */
export interface RawImap {
  /**
   * Sends one command, given without its tag and with one character per byte, and resolves with every line up to the
   * tagged reply, which comes last.
   */
  command(text: string): Promise<string[]>;
  close(): void;
}

/** Connects in plain text and waits for the greeting. */
export async function connectRawImap(to: { host: string; port: number }): Promise<RawImap> {
  const socket = connect(to.port, to.host);
  socket.setEncoding('latin1');
  let unread = '';
  const readUntil = async (complete: (text: string) => boolean): Promise<string[]> => {
    while (!complete(unread)) {
      if (socket.destroyed) throw new Error('The mail server has closed the connection.');
      const closed = new AbortController();
      const stop = (): void => closed.abort(new Error('The mail server has closed the connection.'));
      socket.once('close', stop);
      unread += String((await once(socket, 'data', { signal: closed.signal }))[0]);
      socket.removeListener('close', stop);
    }
    const lines = unread.split('\r\n').slice(0, -1);
    unread = '';
    return lines;
  };
  await readUntil((text) => text.endsWith('\r\n'));
  let commands = 0;
  return {
    command(text) {
      commands += 1;
      const tag = `t${commands}`;
      socket.write(`${tag} ${text}\r\n`, 'latin1');
      return readUntil((read) => read.endsWith('\r\n') && new RegExp(`(?:^|\r\n)${tag} [^\r\n]*\r\n$`).test(read));
    },
    close() {
      socket.destroy();
    },
  };
}
