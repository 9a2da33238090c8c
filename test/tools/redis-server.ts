import { chmod, chown } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeUnless } from './describe-unless.js';
import { findProgram } from './find-program.js';
import { freePort } from './free-port.js';
import { type ProcessGroup, startProcessGroup, unprivilegedUser } from './process-group.js';
import { makeTemporaryDirectory } from './temporary-directory.js';

/** A Redis that keeps nothing on disk. */
export interface RedisServer {
  /** `redis://` with a port of the loopback interface. */
  readonly url: string;
  /** `unix://` with a socket in a directory of its own. */
  readonly socketUrl: string;
  /** Sends one command in one line, such as `KEYS *`, and resolves to the answer as it comes. */
  ask(command: string): Promise<string>;
  /** Kills it; it can be started again, and is empty then. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Lets it hang (SIGSTOP) and go on. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

const program = findProgram('redis-server');

/**
 * `describe` for tests with Redis. Without `redis-server` they are left out and the reason is printed; `MAILPUSH_TEST_SERVERS=all`
 * makes that a failure.
 */
export function describeWithRedis(name: string, tests: () => void): void {
  const isThere = program !== undefined;
  describeUnless(isThere ? undefined : 'There is no redis-server: run scripts/test-servers.', name, tests);
}

/** Starts one; resolves when it answers. */
export async function startRedisServer(): Promise<RedisServer> {
  const directory = await makeTemporaryDirectory();
  const user = unprivilegedUser();
  await chown(directory.path, user.uid, user.gid);
  await chmod(directory.path, 0o700);
  const socket = join(directory.path, 'redis.sock');
  const port = await freePort();
  let group: ProcessGroup | undefined;

  async function start(): Promise<void> {
    const listening = ['--bind', '127.0.0.1', '--port', String(port), '--unixsocket', socket];
    const command = [program ?? 'redis-server', ...listening, '--save', '', '--appendonly', 'no'];
    group = startProcessGroup(command, user, directory.path);
    for (let attempt = 0; (await ask(socket, 'PING').catch(() => '')) !== '+PONG\r\n+OK\r\n'; attempt += 1) {
      if (attempt === 500) throw new Error(`redis-server does not answer. ${group.errors()}`);
      await delay(20);
    }
  }

  const signal = (name: NodeJS.Signals): void => {
    if (group !== undefined) process.kill(group.id, name);
  };
  const kill = async (): Promise<void> => {
    await group?.kill();
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    socketUrl: `unix://${socket}`,
    ask: (command) => ask(socket, command),
    kill,
    start,
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    stop: async () => {
      await kill();
      await directory.remove();
    },
  };
}

/** The answer to one command, up to the end of what comes at once: enough for tests. */
function ask(socket: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const connection = createConnection(socket);
    connection.on('error', reject);
    connection.on('data', (data) => {
      text += data.toString();
    });
    connection.on('close', () => resolve(text));
    connection.write(`${command}\r\nQUIT\r\n`, () => {});
    connection.setTimeout(5000, () => connection.destroy(new Error('Redis does not answer.')));
  });
}
