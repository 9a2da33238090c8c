import { type Relay, startRelay } from '../tools/relay.js';

/** A relay to an SMTP server that knows when a mail was taken. */
export interface SmtpRelay extends Relay {
  /** To be done when the server has taken the next mail, before its 250 goes on to the client. */
  beforeNextAccepted(hook: () => Promise<void>): void;
}

/** Starts one on a free port. */
export async function startSmtpRelay(target: { readonly host: string; readonly port: number }): Promise<SmtpRelay> {
  let hook: (() => Promise<void>) | undefined;
  const relay = await startRelay(target, (client, upstream) => {
    let tail = '';
    let isMailGiven = false;
    let before = Promise.resolve();

    async function answer(chunk: Buffer): Promise<void> {
      if (isMailGiven && chunk.toString('latin1').startsWith('250')) {
        isMailGiven = false;
        const todo = hook;
        hook = undefined;
        await todo?.();
      }
      client.write(chunk);
    }

    client.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('latin1')).slice(-5);
      if (tail === '\r\n.\r\n') isMailGiven = true;
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      before = before.then(() => answer(chunk));
    });
  });
  return {
    ...relay,
    beforeNextAccepted: (next) => {
      hook = next;
    },
  };
}
