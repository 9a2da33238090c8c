import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { distributorPath, interfaceNames } from '../../src/dbus/index.js';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { embedded } from '../mail-servers/embedded.js';
import { canSandbox, startBusSandbox } from '../tools/bus-sandbox.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';
import { createSetting, type Daemon, type Setting } from './setting.js';

const distributor = 'org.unifiedpush.Distributor.mailpush';
const service = 'org.example.App';
const token = 'the token';

describe.skipIf(!canSandbox())('a sandboxed app that may talk to distributors', () => {
  let setting: Setting;
  let daemon: Daemon;
  let app: BusApp;
  /** Outside of the sandbox, with a registration that is none of the app's business. */
  let other: BusApp;

  beforeAll(async () => {
    setting = await createSetting(await embedded.start());
    daemon = await setting.startDaemon();
    other = await startBusApp(setting.bus.address, { protocol: 2, service: 'org.example.Other' });
    expect(await other.register2({ service: other.service, token: 'other' })).toMatchObject({
      success: 'REGISTRATION_SUCCEEDED',
    });
    await vi.waitFor(() => expect(other.endpoints('other')).toHaveLength(1));
  });

  beforeEach(async () => {
    const socket = join(await temporaryDirectory(), 'sandbox');
    const talk = ['org.unifiedpush.Distributor.*'];
    const address = await startBusSandbox(setting.bus.address, socket, talk, [service]);
    app = await startBusApp(address, { protocol: 2, service });
    onTestFinished(() => app.close());
  });

  afterAll(async () => {
    await other?.close();
    await setting?.stop();
    await setting?.server.stop();
  });

  /** The other app still gets what is pushed to it. */
  async function expectOtherWell(payload: string): Promise<void> {
    await setting.sender.send(other.endpoints('other').at(-1) ?? '', payload);
    await expect.poll(() => other.messages('other'), { timeout: 10_000 }).toContain(payload);
  }

  it('can register, be pushed to and unregister', async () => {
    expect(await app.register2({ service, token })).toMatchObject({ success: 'REGISTRATION_SUCCEEDED' });
    await expect.poll(() => app.endpoints(token)).toHaveLength(1);
    await setting.sender.send(app.endpoints(token)[0] ?? '', 'hello');
    await expect.poll(() => app.messages(token), { timeout: 10_000 }).toEqual(['hello']);
    await app.unregister(token);
    await expect.poll(() => app.heard.map(({ member }) => member)).toContain('Unregistered');
  });

  it.each([
    ['another app', () => 'org.example.Other'],
    ['the connection of another app', () => other.bus.uniqueName],
    ['an app that is not there', () => 'org.example.Nobody'],
    ['the distributor', () => distributor],
    ['the management', () => 'org.mailpush.Management'],
    ['the bus', () => 'org.freedesktop.DBus'],
  ])('cannot speak for %s', async (_, name) => {
    expect(await app.register2({ service: name(), token: 'forged' })).toMatchObject({
      success: 'REGISTRATION_FAILED',
      reason: 'UNAUTHORIZED',
    });
    expect(other.endpoints('forged')).toEqual([]);
  });

  it('can neither see, take over nor end the registration of another app', async () => {
    const endpoints = other.endpoints('other').length;
    for (const name of [service, other.service]) {
      expect(await app.register2({ service: name, token: 'other' })).toMatchObject({ reason: 'UNAUTHORIZED' });
    }
    // An error or none: nothing comes of it.
    await app.unregister('other').catch(() => {});
    await expectOtherWell('still there');
    expect(other.endpoints('other')).toHaveLength(endpoints);
    expect(other.heard.map(({ member }) => member)).not.toContain('Unregistered');
    expect(app.heard).toEqual([]);
  });

  it('cannot use up what is there for all', { timeout: 60_000 }, async () => {
    const memory = async (): Promise<number> =>
      Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]) / 1024;
    const call = { destination: distributor, path: distributorPath, interface: interfaceNames.distributor2 };
    const before = await memory();
    const replies: Readonly<Record<string, string>>[] = [];
    for (let count = 0; count < 110; count += 1) {
      replies.push(await app.register2({ service, token: `token ${count}` }));
    }
    const made = replies.filter(({ success }) => success === 'REGISTRATION_SUCCEEDED');
    expect(made).toHaveLength(100);
    expect(replies.filter(({ reason }) => reason === 'ACTION_REQUIRED')).toHaveLength(10);
    for (const [signature, args] of [
      ['', []],
      ['s', ['text']],
      ['ay', [new Uint8Array(4_000_000)]],
      ['a{sv}s', [{}, 'more']],
    ] as const) {
      await expect(app.bus.call({ ...call, member: 'Register', signature, args }), signature).rejects.toMatchObject({
        errorName: expect.any(String),
      });
    }
    for (let count = 0; count < 5; count += 1) {
      const large = app.register2({ service, token: 'large', description: 'x'.repeat(4_000_000) });
      await expect(large).rejects.toMatchObject({ errorName: 'org.freedesktop.DBus.Error.LimitsExceeded' });
      const description = 'x'.repeat(60_000);
      expect(await app.register2({ service, token: 'large', description })).toMatchObject({
        success: 'REGISTRATION_FAILED',
      });
    }
    const many = Promise.allSettled(Array.from({ length: 2000 }, (_, n) => app.register2({ service, token: `${n}` })));
    expect(await other.register2({ service: other.service, token: 'one more' })).toMatchObject({
      success: 'REGISTRATION_SUCCEEDED',
    });
    await expectOtherWell('not hindered');
    await many;
    // About 60 MB of heap that Node keeps for a while; all that was asked for would be many times that.
    expect((await memory()) - before).toBeLessThan(120);
  });
});
