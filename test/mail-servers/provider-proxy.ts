import { createImapLines } from '../tools/imap-lines.js';
import { type Relay, startRelay } from '../tools/relay.js';
import type { Provider } from './provider.js';
import { createProviderSession, type Passed } from './provider-session.js';

/** Starts a proxy on a free loopback port that shows the IMAP server on a unix socket as if it were the provider's. */
export async function startProviderProxy(path: string, provider: Provider): Promise<Relay> {
  return await startRelay({ path }, (client, upstream) => {
    const session = createProviderSession(provider);
    const pass = ({ toClient, toServer }: Passed): void => {
      if (toClient !== undefined) client.write(toClient);
      if (toServer !== undefined) upstream.write(toServer);
    };
    client.setNoDelay(true);
    client.on(
      'data',
      createImapLines((piece) => pass(session.fromClient(piece))),
    );
    upstream.on(
      'data',
      createImapLines((piece) => pass(session.fromServer(piece))),
    );
    client.on('end', () => upstream.end());
    upstream.on('end', () => client.end());
  });
}
