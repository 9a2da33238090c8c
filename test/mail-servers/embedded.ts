import { startMailServer } from '../../src/demo/mail-server.js';
import { startCountingRelay } from '../tools/counting-relay.js';
import { type MailServerKind, type TestMailServer, testUser } from './test-mail-server.js';

async function start(): Promise<TestMailServer> {
  const server = await startMailServer({ users: [testUser] });
  const relay = await startCountingRelay(server.imap);
  let stopped: Promise<unknown> | undefined;
  return {
    name: embedded.name,
    address: testUser.address,
    imap: {
      host: relay.host,
      port: relay.port,
      security: 'plain',
      user: testUser.address,
      password: testUser.password,
    },
    handled: { kind: 'removed' },
    smtp: server.smtp,
    append: async (folder, raw, options) => server.append(testUser.address, folder, raw, options),
    async appendAll(folder, raws, options) {
      for (const raw of raws) {
        server.append(testUser.address, folder, raw, options);
      }
    },
    createFolder: async (path) => server.createFolder(testUser.address, path),
    snapshot: async () => server.snapshot(testUser.address),
    connections: relay.counts,
    interrupt: relay.interrupt,
    resume: relay.resume,
    async stop() {
      stopped ??= Promise.all([relay.stop(), server.stop()]);
      await stopped;
    },
  };
}

/** The embedded server of the demo: in this process, always there. */
export const embedded: MailServerKind = { name: 'hoodiecrow', available: true, start };
