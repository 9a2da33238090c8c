import { createTransport } from 'nodemailer';
import * as smtpServer from 'smtp-server';
import { startEmbeddedSmtp } from '../../src/demo/embedded-smtp.js';
import { startCountingRelay } from '../tools/counting-relay.js';
import { createStops, isTestUser } from './dovecot.js';
import { hasDocker, startGreenmailInDocker } from './greenmail-docker.js';
import { startGreenmailJar, whyNoJar } from './greenmail-jar.js';
import { createImapAdmin } from './imap-admin.js';
import { type MailServerKind, type TestMailServer, testUser } from './test-mail-server.js';

const name = 'GreenMail';
const inDocker = hasDocker();

async function start(): Promise<TestMailServer> {
  const stops = createStops();
  try {
    const greenmail = await (inDocker ? startGreenmailInDocker() : startGreenmailJar());
    stops.add(greenmail.stop);
    const { address, password } = testUser;
    const admin = createImapAdmin({ ...greenmail.imap, user: address, password });
    stops.add(admin.close);
    for (const folder of ['Trash', 'Junk', 'Sent']) await admin.createFolder(folder);
    // GreenMail makes a mailbox for whomever it gets mail for, and knows no sub-addresses.
    const inside = createTransport({ ...greenmail.smtp, secure: false, ignoreTLS: true, pool: true });
    stops.add(() => inside.close());
    const smtp = await startEmbeddedSmtp(smtpServer, {
      knows: isTestUser,
      deliver: async ({ from, bytes }) => {
        await inside.sendMail({ envelope: { from, to: [address] }, raw: Buffer.from(bytes) });
      },
    });
    stops.add(smtp.stop);
    const relay = await startCountingRelay(greenmail.imap);
    stops.add(relay.stop);
    return {
      name,
      address,
      imap: { host: relay.host, port: relay.port, security: 'plain', user: address, password },
      handled: { kind: 'removed' },
      smtp: { host: '127.0.0.1', port: smtp.port },
      append: admin.append,
      appendAll: admin.appendAll,
      createFolder: admin.createFolder,
      snapshot: admin.snapshot,
      connections: relay.counts,
      interrupt: relay.interrupt,
      resume: relay.resume,
      stop: stops.stop,
    };
  } catch (error) {
    await stops.stop();
    throw error;
  }
}

const reason = inDocker ? undefined : whyNoJar();

/** GreenMail 2.1: by Docker where there is an engine, else its jar under Java. */
export const greenmail: MailServerKind = {
  name,
  available: reason === undefined,
  ...(reason !== undefined && { reason }),
  howToGet: 'scripts/test-servers',
  lacks: ['SPECIAL-USE', 'RFC822.SIZE'],
  start,
};
