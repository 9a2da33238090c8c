import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createConnector } from '../../src/connector/index.js';
import { connectBus } from '../../src/dbus/index.js';
import { startPrivateBus } from '../../src/demo/private-bus.js';
import { busName } from '../../src/distributor/index.js';
import { configFor, mailServer, user } from '../cli/daemon-setting.js';
import { program } from '../tools/run-command.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';

const serviceFile = `${busName}.service`;

/** An argument in the Exec line of a D-Bus service file. */
const quoted = (argument: string): string => `"${argument.replace(/["\\]/g, '\\$&')}"`;

/** The service file that comes along, with the daemon as it is built and a configuration of its own. */
async function installService(services: string, args: readonly string[]): Promise<void> {
  const contrib = new URL(`../../contrib/dbus/${serviceFile}`, import.meta.url);
  const exec = [process.execPath, program, ...args].map(quoted).join(' ');
  await mkdir(services, { mode: 0o700 });
  await writeFile(join(services, serviceFile), (await readFile(contrib, 'utf8')).replace(/^Exec=.*$/m, `Exec=${exec}`));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it('the bus starts the daemon when an app registers, and again when it has ended', async () => {
  const mail = await mailServer();
  const directory = await temporaryDirectory();
  const config = join(directory, 'config.toml');
  await writeFile(config, configFor(mail.imap.port));
  await writeFile(join(directory, 'password'), user.password, { mode: 0o600 });
  const serviceDirectory = join(directory, 'services');
  await installService(serviceDirectory, ['daemon', '--config', config, '--state-dir', join(directory, 'a state')]);
  const bus = await startPrivateBus({ directory: join(directory, 'bus'), serviceDirectory });
  onTestFinished(() => bus.stop());
  const client = await connectBus({ address: bus.address });
  onTestFinished(() => client.close());

  async function daemonPid(): Promise<number> {
    const [pid] = await client.call({
      destination: 'org.freedesktop.DBus',
      path: '/org/freedesktop/DBus',
      interface: 'org.freedesktop.DBus',
      member: 'GetConnectionUnixProcessID',
      signature: 's',
      args: [busName],
      replySignature: 'u',
    });
    return Number(pid);
  }

  const connector = await createConnector({ service: 'org.example.App', busAddress: bus.address });
  onTestFinished(() => connector.close());
  expect(await client.nameOwner(busName)).toBeUndefined();
  expect(await connector.distributors()).toEqual([busName]);
  const { endpoint } = await connector.register({ token: 'app' });
  expect(endpoint).toMatch(/^mailto:alice@example\.org\?/);

  const first = await daemonPid();
  process.kill(first, 'SIGTERM');
  await expect.poll(() => isAlive(first), { timeout: 5000 }).toBe(false);
  expect((await connector.register({ token: 'app' })).endpoint).toBe(endpoint);
  const second = await daemonPid();
  expect(second).not.toBe(first);

  await connector.close();
  await client.close();
  await bus.stop();
  await expect.poll(() => isAlive(second), { timeout: 5000 }).toBe(false);
});
