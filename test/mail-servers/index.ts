import { afterAll, describe, expect, it } from 'vitest';
import { allServersWanted } from '../tools/all-servers-wanted.js';
import { mailServers } from './kinds.js';
import type { MailServerKind, TestMailServer } from './test-mail-server.js';

export { mailServers } from './kinds.js';
export type {
  AppendOptions,
  ConnectionCounts,
  HandledPushes,
  MailboxSnapshot,
  MailServerKind,
  TestMailServer,
} from './test-mail-server.js';

declare module 'vitest' {
  interface TaskMeta {
    /** Name of the mail server that the test runs on; the report at the end of the run counts by it. */
    mailServer?: string;
    /** Title of the suite, the same on every mail server. */
    mailServerSuite?: string;
  }
}

/** The server that a suite runs on. */
export interface MailServerOfSuite {
  readonly name: string;
  /** Whether it lacks a capability; see `MailServerKind.lacks`. */
  lacks(capability: string): boolean;
  /** Starts one; it is stopped after the suite at the latest. */
  start(): Promise<TestMailServer>;
}

/** The tests, for one kind of mail server. */
export type Suite = (server: MailServerOfSuite) => void;

/** Settings of {@link describeEachMailServer}. */
export interface SuiteOptions {
  /** Which kinds the suite is for. Default: all. */
  readonly on?: (kind: MailServerKind) => boolean;
}

/** Whether what goes over the wire can be read, and the server can do all that we would use and does it right. */
export function isPlainAndComplete({ encrypted = false, lacks = [] }: MailServerKind): boolean {
  return !encrypted && lacks.length === 0;
}

/**
 * Describes the same suite once for each kind of mail server. One that is missing is shown as skipped, or fails where
 * all are wanted.
 */
export function describeEachMailServer(title: string, suite: Suite): void;
export function describeEachMailServer(title: string, options: SuiteOptions, suite: Suite): void;
export function describeEachMailServer(title: string, optionsOrSuite: SuiteOptions | Suite, withOptions?: Suite): void {
  const [{ on = () => true }, suite] =
    typeof optionsOrSuite === 'function' ? [{} as SuiteOptions, optionsOrSuite] : [optionsOrSuite, withOptions];
  for (const kind of mailServers().filter(on)) {
    const name = `${title} on ${kind.name}`;
    const options = { meta: { mailServer: kind.name, mailServerSuite: title } };
    if (kind.available) {
      describe(name, options, () => {
        const started: TestMailServer[] = [];
        afterAll(async () => {
          await Promise.all(started.map((server) => server.stop()));
        });
        suite?.({
          name: kind.name,
          lacks: (capability) => kind.lacks?.includes(capability) === true,
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
