import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testAuthority } from '../mail-servers/dovecot.js';
import { freePort } from '../tools/free-port.js';

/** Where `scripts/test-servers` puts it. */
const python = fileURLToPath(new URL('../../.cache/synapse/bin/python', import.meta.url));

/** Whether it is there. */
export const synapseIsThere: boolean = existsSync(python);

/** A user of the homeserver, logged in. */
export interface MatrixUser {
  readonly id: string;
  /** Calls the client-server API; rejects with what the homeserver says against it. */
  call(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<Record<string, unknown>>;
}

/** A Matrix homeserver of our own. */
export interface Synapse {
  register(name: string): Promise<MatrixUser>;
  stop(): Promise<void>;
}

const configuration = (directory: string, port: number): string => `
server_name: localhost
pid_file: ${directory}/synapse.pid
listeners:
  - {port: ${port}, tls: false, type: http, bind_addresses: [127.0.0.1], resources: [{names: [client]}]}
database: {name: sqlite3, args: {database: ${directory}/synapse.db}}
media_store_path: ${directory}/media
signing_key_path: ${directory}/signing.key
trusted_key_servers: []
suppress_key_server_warning: true
report_stats: false
enable_registration: true
enable_registration_without_verification: true
bcrypt_rounds: 4
presence: {enabled: false}
# Push gateways on this machine are wanted here.
ip_range_blacklist: []
rc_registration: {per_second: 100, burst_count: 100}
`;

/** Starts Synapse with all of its files in a directory; it trusts the authority of the tests. */
export async function startSynapse(directory: string): Promise<Synapse> {
  const port = await freePort();
  const config = join(directory, 'homeserver.yaml');
  await writeFile(config, configuration(directory, port));
  const args = ['-m', 'synapse.app.homeserver', '--config-path', config];
  const environment = { PATH: process.env.PATH, SSL_CERT_FILE: testAuthority };
  const run = (more: readonly string[]) => {
    const child = spawn(python, [...args, ...more], {
      cwd: directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let words = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        words = (words + text).slice(-8192);
      });
    }
    const killNow = (): void => void child.kill('SIGKILL');
    process.once('exit', killNow);
    const ended = once(child, 'close').then(() => process.removeListener('exit', killNow));
    return { child, ended, words: () => words };
  };
  await run(['--generate-keys']).ended;
  const server = run([]);
  const base = `http://127.0.0.1:${port}`;
  let isOver = false;
  void server.ended.then(() => {
    isOver = true;
  });
  // It tells nobody when it is ready.
  for (;;) {
    if (isOver) throw new Error(`Synapse has ended: ${server.words()}`);
    const isUp = await fetch(`${base}/_matrix/client/versions`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  async function call(method: string, path: string, body: unknown, token?: string): Promise<Record<string, unknown>> {
    const response = await fetch(`${base}/_matrix/client/v3${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  return {
    register: async (name) => {
      const auth = { type: 'm.login.dummy' };
      const { user_id, access_token } = await call('POST', '/register', {
        username: name,
        password: 'correct horse',
        auth,
      });
      return { id: String(user_id), call: (method, path, body) => call(method, path, body, String(access_token)) };
    },
    stop: async () => {
      server.child.kill('SIGKILL');
      await server.ended;
    },
  };
}
