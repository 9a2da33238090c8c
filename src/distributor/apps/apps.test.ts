import { existsSync } from 'node:fs';
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

  it.each([1, 2] as const)('cannot reach an app of version %i that is started and never comes', async (protocol) => {
    const service = await installApp('/bin/sleep 5');
    const times = { ...patient, startMs: 200 };
    expect(await appsWith(times).message({ service, token: 'x', protocol }, push)).toBe('unreachable');
  });

  it('of version 2 has its time from when the app runs, not from when it is started', async () => {
    const service = await installApp(`/bin/sh -c "sleep 0.5; touch ${join(directory.path, 'started')}; sleep 5"`);
    const answer = appsWith({ ...patient, answerMs: 250 }).message({ service, token: 'x', protocol: 2 }, push);
    await expect.poll(() => existsSync(join(directory.path, 'started'))).toBe(true);
    const app = await startBusApp(daemon.address, { protocol: 2, service });
    onTestFinished(() => app.close());
    expect(await answer).toBe('accepted');
    expect(app.heard).toHaveLength(1);
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

/** A bus on which each connection may wait for so many replies only. */
async function narrowBus(replies: number): Promise<PrivateBus> {
  const path = join(directory.path, `narrow-${names}`);
  const narrow = await startPrivateBus({ directory: path, repliesPerConnection: replies });
  onTestFinished(() => narrow.stop());
  return narrow;
}

describe('apps that never answer', () => {
  it.each([1, 2] as const)('do not use up what the bus can wait for, in version %i', async (protocol) => {
    const narrow = await narrowBus(40);
    const client = await connectBus({ address: narrow.address });
    onTestFinished(() => client.close());
    const apps = createApps(client, silentLog, hasty);
    const mute = await startBusApp(narrow.address, { protocol, service: 'org.example.Mute' });
    const well = await startBusApp(narrow.address, { protocol: 2, service: 'org.example.Well' });
    onTestFinished(async () => void (await Promise.all([mute.close(), well.close()])));
    mute.answer = never;
    const address = { service: mute.service, token: 'x', protocol };
    const answers: string[] = [];
    for (let times = 0; times < 60; times += 1) answers.push(await apps.message(address, push));
    for (let times = 0; times < 60; times += 1) apps.newEndpoint(address, 'mailto:x');
    // In version 1 silence is an acceptance, and the app still gets everything.
    expect(new Set(answers)).toEqual(new Set(protocol === 1 ? ['accepted'] : ['refused', 'unreachable']));
    await expect.poll(() => mute.heard.length).toBe(protocol === 1 ? 120 : 16 + 60);
    expect(
      await createApps(client, silentLog, patient).message({ ...address, service: well.service, protocol: 2 }, push),
    ).toBe('accepted');
  });

  it('are asked again as soon as they answer', async () => {
    const app = await startApp(2);
    const waiting: (() => void)[] = [];
    app.answer = () => new Promise((resolve) => waiting.push(() => resolve([{}])));
    const apps = appsWith(hasty);
    for (let times = 0; times < 16; times += 1) expect(await apps.message(app.address, push)).toBe('refused');
    expect(await apps.message(app.address, push)).toBe('unreachable');
    for (const answer of waiting) answer();
    app.answer = async () => [{}];
    await expect.poll(() => apps.message(app.address, push)).toBe('accepted');
  });

  it('are forgotten when they end', async () => {
    const app = await startApp(2, never);
    const apps = appsWith(hasty);
    for (let times = 0; times < 17; times += 1) await apps.message(app.address, push);
    await app.bus.close();
    const again = await startBusApp(daemon.address, { protocol: 2, service: app.address.service });
    onTestFinished(() => again.close());
    expect(await apps.message(app.address, push)).toBe('accepted');
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

  it('counts as told once the app has answered', async () => {
    const app = await startApp(2);
    const apps = appsWith();
    const nobody = { ...app.address, service: 'org.example.Nobody' };
    const told: string[] = [];
    apps.newEndpoint(nobody, 'mailto:x', () => told.push(nobody.service));
    apps.newEndpoint(app.address, 'mailto:x', () => told.push(app.address.service));
    expect(await apps.message(nobody, push)).toBe('unreachable');
    await expect.poll(() => told).toEqual([app.address.service]);
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
