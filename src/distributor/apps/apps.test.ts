import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type BusApp, startBusApp } from '../../../test/apps/bus-app.js';
import { makeTemporaryDirectory, type TemporaryDirectory } from '../../../test/tools/temporary-directory.js';
import { type Bus, BusError, connectBus } from '../../dbus/index.js';
import { type PrivateBus, startPrivateBus } from '../../demo/private-bus.js';
import { silentLog } from '../../runtime.js';
import { type AppAddress, type Apps, type AppTimes, createApps } from './apps.js';

const patient: AppTimes = { answerMs: 20_000, silenceMs: 20_000, startMs: 20_000, tellMs: 20_000 };
/** So that what hangs is given up soon. */
const hasty: AppTimes = { ...patient, answerMs: 50, silenceMs: 50, tellMs: 50 };

const payload = Uint8Array.from({ length: 256 }, (_, index) => index);
const push = { id: 'id-1', payload };

let directory: TemporaryDirectory;
let daemon: PrivateBus;
let bus: Bus;
let names = 0;

beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  daemon = await startPrivateBus({
    directory: join(directory.path, 'bus'),
    serviceDirectory: join(directory.path, 'services'),
  });
  bus = await connectBus({ address: daemon.address });
});

afterAll(async () => {
  await bus?.close();
  await daemon?.stop();
  await directory?.remove();
});

const appsWith = (times: AppTimes = patient): Apps => createApps(bus, silentLog, times);

/** An app on the bus that answers so, by default with nothing that means anything. */
async function startApp(
  protocol: 1 | 2,
  answer?: BusApp['answer'],
): Promise<BusApp & { readonly address: AppAddress }> {
  names += 1;
  const service = `org.example.App${names}`;
  const app = await startBusApp(daemon.address, { protocol, service });
  onTestFinished(() => app.close());
  if (answer !== undefined) app.answer = answer;
  return Object.assign(app, { address: { service, token: '{token}', protocol } });
}

const never = (): Promise<never> => new Promise(() => {});
const refuse = async (): Promise<never> => {
  throw new BusError('ERR_TEST', 'Not now.', { errorName: 'org.example.Error.Busy' });
};
const string = (value: string) => ({ signature: 's', value });

/** An app that the bus can start by this command. */
async function installApp(command: string): Promise<string> {
  names += 1;
  const service = `org.example.Startable${names}`;
  await writeFile(
    join(directory.path, 'services', `${service}.service`),
    `[D-BUS Service]\nName=${service}\nExec=${command}\n`,
  );
  return service;
}

describe('a message', () => {
  it('reaches an app of version 1 with token, payload and id', async () => {
    const app = await startApp(1);
    expect(await appsWith().message(app.address, push)).toBe('accepted');
    expect(app.heard).toEqual([{ member: 'Message', args: ['{token}', payload, 'id-1'] }]);
  });

  it('reaches an app of version 2 in one dictionary', async () => {
    const app = await startApp(2);
    expect(await appsWith().message(app.address, push)).toBe('accepted');
    const dict = { token: string('{token}'), id: string('id-1'), message: { signature: 'ay', value: payload } };
    expect(app.heard).toEqual([{ member: 'Message', args: [expect.objectContaining(dict)] }]);
  });

  it.each([1, 2] as const)('is refused by an app of version %i that answers with an error', async (protocol) => {
    const app = await startApp(protocol, refuse);
    expect(await appsWith().message(app.address, push)).toBe('refused');
  });

  it.each([1, 2] as const)('is refused by a program without the object of version %i', async (protocol) => {
    const app = await startApp(protocol === 1 ? 2 : 1);
    expect(await appsWith().message({ ...app.address, protocol }, push)).toBe('refused');
  });

  it('is accepted by an app of version 1 that says nothing and keeps its name', async () => {
    const app = await startApp(1, never);
    expect(await appsWith(hasty).message(app.address, push)).toBe('accepted');
  });

  it('is not accepted by the silence of an app of version 1 whose name goes to another meanwhile', async () => {
    const app = await startApp(1, never);
    const heir = await connectBus({ address: daemon.address });
    onTestFinished(() => heir.close());
    const times = { ...patient, silenceMs: 700 };
    const answer = appsWith(times).message(app.address, push);
    await expect.poll(() => app.heard.length).toBe(1);
    // The connection lives on, so that the bus gives no answer in its place.
    await app.bus.call({
      destination: 'org.freedesktop.DBus',
      path: '/org/freedesktop/DBus',
      interface: 'org.freedesktop.DBus',
      member: 'ReleaseName',
      signature: 's',
      args: [app.address.service],
    });
    await heir.requestName(app.address.service);
    expect(await answer).toBe('refused');
  });

  it('is not accepted by the silence of an app of version 2', async () => {
    const app = await startApp(2, never);
    expect(await appsWith(hasty).message(app.address, push)).toBe('refused');
  });

  it.each([1, 2] as const)('is refused when an app of version %i ends in the middle of it', async (protocol) => {
    const app = await startApp(protocol, never);
    const answer = appsWith().message(app.address, push);
    await expect.poll(() => app.heard.length).toBe(1);
    await app.bus.close();
    expect(await answer).toBe('refused');
  });

  it('does not wait for another that hangs', async () => {
    const hanging = await startApp(2, never);
    const apps = appsWith();
    const stuck = Array.from({ length: 100 }, () => apps.message(hanging.address, push));
    const app = await startApp(2);
    expect(await apps.message(app.address, push)).toBe('accepted');
    await hanging.bus.close();
    await Promise.all(stuck);
  });

  it.each([1, 2] as const)('cannot reach an app of version %i that is not there', async (protocol) => {
    const address = { service: 'org.example.Nobody', token: 'x', protocol };
    expect(await appsWith().message(address, push)).toBe('unreachable');
    const gone = await connectBus({ address: daemon.address });
    const service = gone.uniqueName;
    await gone.close();
    await expect.poll(() => appsWith().message({ ...address, service }, push)).toBe('unreachable');
  });

  it.each([1, 2] as const)('cannot reach an app of version %i that does not start', async (protocol) => {
    const service = await installApp('/bin/false');
    expect(await appsWith().message({ service, token: 'x', protocol }, push)).toBe('unreachable');
  });

  it.each([1, 2] as const)('of version %i cannot reach anybody when the bus is gone', async (protocol) => {
    const closing = await connectBus({ address: daemon.address });
    const apps = createApps(closing, silentLog, patient);
    const app = await startApp(protocol, never);
    const answer = apps.message(app.address, push);
    await expect.poll(() => app.heard.length).toBe(1);
    await closing.close();
    expect(await answer).toBe('unreachable');
    expect(await apps.message(app.address, push)).toBe('unreachable');
  });
});

describe('what an app is told', () => {
  it('in version 1 has values of their own, and an empty token for what it asked for itself', async () => {
    const app = await startApp(1);
    const apps = appsWith();
    apps.newEndpoint(app.address, 'mailto:x');
    apps.unregistered(app.address, true);
    apps.unregistered(app.address, false);
    await expect
      .poll(() => app.heard)
      .toEqual([
        { member: 'NewEndpoint', args: ['{token}', 'mailto:x'] },
        { member: 'Unregistered', args: [''] },
        { member: 'Unregistered', args: ['{token}'] },
      ]);
  });

  it('in version 2 is in one dictionary, with its token in any case', async () => {
    const app = await startApp(2);
    const apps = appsWith();
    apps.newEndpoint(app.address, 'mailto:x');
    apps.unregistered(app.address, true);
    await expect
      .poll(() => app.heard)
      .toEqual([
        {
          member: 'NewEndpoint',
          args: [expect.objectContaining({ token: string('{token}'), endpoint: string('mailto:x') })],
        },
        { member: 'Unregistered', args: [expect.objectContaining({ token: string('{token}') })] },
      ]);
  });

  it('may be answered with an error, or not at all because nobody is there', async () => {
    const app = await startApp(2, refuse);
    const apps = appsWith();
    apps.newEndpoint(app.address, 'mailto:x');
    apps.newEndpoint({ ...app.address, service: 'org.example.Nobody' }, 'mailto:x');
    await expect.poll(() => app.heard.length).toBe(1);
    expect(await apps.message((await startApp(2)).address, push)).toBe('accepted');
  });

  it('by an app that hangs holds up no other app, and no message', async () => {
    const hanging = await startApp(2, async (member) => (member === 'Message' ? [{}] : await never()));
    const other = await startApp(2);
    const apps = appsWith();
    for (let times = 0; times < 1000; times += 1) apps.newEndpoint(hanging.address, 'mailto:x');
    apps.newEndpoint(other.address, 'mailto:y');
    await expect.poll(() => other.heard.length).toBe(1);
    expect(await apps.message(hanging.address, push)).toBe('accepted');
    // Sixteen are under way; how many more may wait is bounded.
    expect(hanging.heard).toHaveLength(17);
  });

  it('comes to an app that hangs for a while as soon as it hangs no more', async () => {
    const hanging = await startApp(1, never);
    const apps = appsWith(hasty);
    for (let times = 0; times < 40; times += 1) apps.newEndpoint(hanging.address, `mailto:${times}`);
    await expect.poll(() => hanging.heard.length).toBe(40);
  });
});
