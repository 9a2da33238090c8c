import { afterAll, describe, expect, it } from 'vitest';
import { allServersWanted, mailServers } from './kinds.js';
import type { TestMailServer } from './test-mail-server.js';

export { mailServers } from './kinds.js';
export type {
  AppendOptions,
  ConnectionCounts,
  MailboxSnapshot,
  MailServerKind,
  TestMailServer,
} from './test-mail-server.js';

declare module 'vitest' {
  interface TaskMeta {
    /** Name of the mail server that the test runs on; the report at the end of the run counts by it. */
    mailServer?: string;
  }
}

/** The server that a suite runs on. */
export interface MailServerOfSuite {
  readonly name: string;
  /** Starts one; it is stopped after the suite at the latest. */
  start(): Promise<TestMailServer>;
}

/**
 * Describes the same suite once for each kind of mail server. One that is missing is shown as skipped, or fails where
 * all are wanted.
 */
export function describeEachMailServer(title: string, suite: (server: MailServerOfSuite) => void): void {
  for (const kind of mailServers()) {
    const name = `${title} on ${kind.name}`;
    const options = { meta: { mailServer: kind.name } };
    if (kind.available) {
      describe(name, options, () => {
        const started: TestMailServer[] = [];
        afterAll(async () => {
          await Promise.all(started.map((server) => server.stop()));
        });
        suite({
          name: kind.name,
          async start() {
            const server = await kind.start();
            started.push(server);
            return server;
          },
        });
      });
    } else {
      it.skipIf(!allServersWanted())(name, options, () => {
        expect.fail(`${kind.name} is wanted, but ${kind.reason}; get it with ${kind.howToGet}`);
      });
    }
  }
}
