import type { ImapFlow } from 'imapflow';

type Handler = (...response: readonly unknown[]) => Promise<unknown>;

/** Where the library keeps what it does with answers that nobody asked for; its type declarations leave it out. */
interface Handling {
  readonly untaggedHandlers: Record<string, Handler | undefined>;
}

/**
 * Calls back, with the folder that is open, when the server tells the number of messages that it told before, of which
 * the library says nothing. It can mean that one has come and another is gone: a server may count in the new one before
 * it says which was removed.
 *
 * To be called on a client that is connected.
 */
export function onUnchangedExists(client: ImapFlow, listener: (path: string) => void): void {
  const { untaggedHandlers } = client as unknown as Handling;
  const known = untaggedHandlers.EXISTS;
  untaggedHandlers.EXISTS = async (...response) => {
    const before = client.mailbox === false ? undefined : client.mailbox.exists;
    await known?.(...response);
    if (client.mailbox !== false && client.mailbox.exists === before) listener(client.mailbox.path);
  };
}

/**
 * Calls back when the server says that it will hear no more (BYE, RFC 9051 §7.1.5): it may take its time to close.
 *
 * To be called on a client that is connected.
 */
export function onBye(client: ImapFlow, listener: () => void): void {
  const { untaggedHandlers } = client as unknown as Handling;
  const known = untaggedHandlers.BYE;
  untaggedHandlers.BYE = async (...response) => {
    await known?.(...response);
    listener();
  };
}
