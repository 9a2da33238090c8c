import { dovecotAvailability, startDovecot } from './dovecot.js';
import { type Provider, providers } from './provider.js';
import { startProviderProxy } from './provider-proxy.js';
import type { MailServerKind } from './test-mail-server.js';

function kindOf(provider: Provider): MailServerKind {
  const { name, lacks, handled, pollSeconds } = provider;
  return {
    name,
    ...dovecotAvailability,
    lacks,
    async start() {
      const server = await startDovecot(name, {
        inFront: (imapSocket) => startProviderProxy(imapSocket, provider),
      });
      for (const folder of provider.folders ?? []) await server.createFolder(folder);
      return { ...server, handled, imap: { ...server.imap, ...(pollSeconds !== undefined && { pollSeconds }) } };
    },
  };
}

/** Dovecot behind a proxy that takes away what others do not have. */
export const providerKinds: readonly MailServerKind[] = providers.map(kindOf);
