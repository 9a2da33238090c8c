import type { ImapFlow } from 'imapflow';

type Handler = (...response: readonly unknown[]) => Promise<unknown>;

/** Where the library keeps what it does with answers that nobody asked for; its type declarations leave it out. */
interface Handling {
  readonly untaggedHandlers: Record<string, Handler | undefined>;
}

const messagesOf = (client: ImapFlow): number => (client.mailbox === false ? 0 : client.mailbox.exists);

/**
 * Calls back when the server tells the number of messages that it told before, of which the library says nothing. It can
 * mean that one has come and another is gone: a server may count in the new one before it says which was removed.
 *
 * To be called on a client that is connected.
 */
export function onUnchangedExists(client: ImapFlow, listener: () => void): void {
  const { untaggedHandlers } = client as unknown as Handling;
  const known = untaggedHandlers.EXISTS;
  untaggedHandlers.EXISTS = async (...response) => {
    const before = messagesOf(client);
    await known?.(...response);
    if (messagesOf(client) === before) listener();
  };
}
